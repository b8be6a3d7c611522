// The original's way: an Express handler a route, axios with its defaults (no keep-alive agent), the JSON parsed and
// serialised again, an upload held in memory by multer and posted as a new form.
import axios from 'axios'
import express from 'express'
import FormData from 'form-data'
import multer from 'multer'

const upstream = process.env.UPSTREAM
const app = express()
const upload = multer({ storage: multer.memoryStorage() })

const paths = {
  '/status': '/api/printer/status',
  '/job': '/api/job',
  '/queue': '/api/queue',
  '/files': '/api/files',
  '/temperature': '/api/printer/temperature',
}
for (const [path, target] of Object.entries(paths)) {
  app.get(`/api/printing${path}`, async (request, response) => {
    try {
      const answer = await axios.get(upstream + target, { timeout: 30000, params: request.query })
      response.status(answer.status).json(answer.data)
    } catch (error) {
      response.status(error.response?.status ?? 503).json({ success: false, error: 'Service Unavailable' })
    }
  })
}

app.post('/api/printing/files/upload', upload.single('files'), async (request, response) => {
  try {
    const form = new FormData()
    form.append('files', request.file.buffer, { filename: request.file.originalname, contentType: request.file.mimetype })
    const answer = await axios.post(`${upstream}/api/files/upload`, form, {
      headers: form.getHeaders(),
      maxBodyLength: Infinity,
      maxContentLength: Infinity,
      timeout: 60000,
    })
    response.status(answer.status).json(answer.data)
  } catch (error) {
    response.status(error.response?.status ?? 503).json({ success: false, error: 'Service Unavailable' })
  }
})

app.listen(Number(process.env.PORT), '127.0.0.1')
