/** Layers of G-code in WebGL, with gcode-preview. Loaded when a preview is shown: three.js is large. */
import { WebGLPreview } from "gcode-preview";

export interface Colours {
  background: string;
  travel: string;
  top: string;
  /** One a tool. */
  tools: string[];
}

export interface Volume {
  x: number;
  y: number;
  z: number;
}

type View = "corner" | "top" | "front";
type Moves = Parameters<WebGLPreview["doRenderExtrusion"]>[0];
type Colour = WebGLPreview["backgroundColor"];

/** The bottom is this near to the background's colour. */
const FADE = 0.6;
/** The bed is this near to the colour of travel moves. */
const BED = 0.35;
const OPENING = (25 * Math.PI) / 180;

interface Lines {
  material: { color: Colour; vertexColors: boolean };
}

interface Drawn {
  visible: boolean;
  material: { color: Colour };
}

interface Piece {
  layer: number;
  isTravel: boolean;
  colour: Colour;
  line: Drawn;
}

/** Draws all layers once, and shows some of them: a slider needn't draw anew. Draws a picture only when something
 * changed. Throws where there is no WebGL. */
export class Drawing extends WebGLPreview {
  declare pieces: Piece[];
  declare tops: number[];
  declare low: number[];
  declare high: number[];
  declare shown: { from: number; to: number; travel: boolean };
  declare asked: number;
  declare topColour: Colour;

  constructor(canvas: HTMLCanvasElement, colours: Colours, volume: Volume | null) {
    super({
      canvas,
      backgroundColor: colours.background,
      travelColor: colours.travel,
      topLayerColor: colours.top,
      extrusionColor: colours.tools,
      renderTravel: true,
      ...(volume && { buildVolume: volume }),
    });
    this.begin();
    this.shown = { from: 1, to: Number.POSITIVE_INFINITY, travel: false };
    this.camera.near = 0.5;
    this.controls.addEventListener("change", () => this.ask());
  }

  private begin(): void {
    this.pieces = [];
    this.tops = [];
    this.low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    this.high = this.low.map((one) => -one);
  }

  get count(): number {
    return this.parser.layers.length;
  }

  take(lines: string[]): void {
    this.parser.lines = []; // it would keep every line
    this.parser.parseGCode(lines);
  }

  /** The library's own loop would draw sixty pictures a second. */
  override animate(): void {}

  override drawBuildVolume(): void {
    const before = this.scene.children.length;
    super.drawBuildVolume();
    for (const { material } of this.scene.children.slice(before) as unknown as Lines[]) {
      material.vertexColors = false; // the library's own greys
      material.color.copy(this.backgroundColor).lerp(this.travelColor as Colour, BED);
    }
  }

  override doRenderExtrusion(layer: Moves, index: number): void {
    const share = this.count > 1 ? Math.min(1, Math.max(0, (index - 1) / (this.count - 1))) : 1;
    const colour = this.currentToolColor.clone().lerp(this.backgroundColor, FADE * (1 - share));
    if (index > 0) this.measure(layer.extrusion, index);
    this.draw(layer.extrusion, colour, index, false);
    this.draw(layer.travel, this.travelColor, index, true);
    layer.travel = [];
  }

  private draw(vertices: number[], colour: Colour, layer: number, isTravel: boolean): void {
    if (!vertices.length) return;
    this.addLine(vertices, colour.getHex());
    const group = Reflect.get(this, "group") as { children: Drawn[] };
    const line = group.children.at(-1);
    if (line) this.pieces.push({ layer, isTravel, colour, line });
  }

  private measure(vertices: number[], layer: number): void {
    for (let at = 0; at < vertices.length; at += 1) {
      const axis = at % 3;
      const value = vertices[at] ?? 0;
      // a segment begins where the head came from: only its end was surely printed at
      if (at % 6 < 3) continue;
      if (value < (this.low[axis] ?? 0)) this.low[axis] = value;
      if (value > (this.high[axis] ?? 0)) this.high[axis] = value;
      if (axis === 2) this.tops[layer] = value;
    }
  }

  override render(): void {
    this.begin();
    // a width, a depth: the library would put what was drawn before under the new
    super.render();
    this.show(this.shown);
  }

  recolour(colours: Colours): void {
    this.backgroundColor = colours.background;
    this.travelColor = colours.travel;
    this.extrusionColor = colours.tools;
    this.topLayerColor = colours.top;
    this.render();
  }

  /** Show the layers of a span (the first is 1), the last of them in its own colour if there are more above it. */
  show(span: { from: number; to: number; travel: boolean }): void {
    this.shown = span;
    const hasMore = span.to < this.count;
    const top = this.topLayerColor as Colour;
    for (const { layer, isTravel, colour, line } of this.pieces) {
      line.visible =
        layer <= span.to && layer >= (span.from === 1 ? 0 : span.from) && (!isTravel || span.travel);
      if (!isTravel) line.material.color.copy(hasMore && layer === span.to ? top : colour);
    }
    this.ask();
  }

  /** Everything in sight. */
  look(view: View): void {
    if (!Number.isFinite(this.low[0])) return;
    const [x0 = 0, y0 = 0, z0 = 0] = this.low;
    const [x1 = 0, y1 = 0, z1 = 0] = this.high;
    const middle = { x: (x0 + x1) / 2, y: (y0 + y1) / 2, z: (z0 + z1) / 2 };
    const radius = Math.max(5, Math.hypot(x1 - x0, y1 - y0, z1 - z0) / 2);
    const distance = (radius * 1.05) / Math.sin(OPENING / 2) / Math.min(1, this.camera.aspect);
    // as the library lays it: the printer's y goes away from the eye, its z up
    const [dx, dy] = this.buildVolume ? [this.buildVolume.x / 2, this.buildVolume.y / 2] : [100, 100];
    this.controls.target.set(middle.x - dx, middle.z, dy - middle.y);
    const [ax, ay, az] = { corner: [-0.42, 0.48, 0.77], top: [0, 1, 0.001], front: [0, 0.06, 1] }[
      view
    ] as number[];
    this.camera.position
      .set(ax ?? 0, ay ?? 0, az ?? 0)
      .normalize()
      .multiplyScalar(distance)
      .add(this.controls.target);
    this.camera.far = distance * 20;
    this.camera.updateProjectionMatrix();
    this.scene.fog = null;
    this.controls.update();
    this.ask();
  }

  fit(): void {
    this.resize();
    this.ask();
  }

  private ask(): void {
    this.asked ??= requestAnimationFrame(() => {
      Reflect.deleteProperty(this, "asked");
      this.renderer.render(this.scene, this.camera);
    });
  }

  /** Give the graphics memory back: a browser has few WebGL contexts. */
  override dispose(): void {
    cancelAnimationFrame(this.asked);
    super.dispose();
    this.renderer.forceContextLoss();
  }
}
