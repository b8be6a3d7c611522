"""3D printing for Fluxgate: printers, print queue, files and camera behind one HTTP API."""
