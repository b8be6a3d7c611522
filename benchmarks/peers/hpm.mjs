// http-proxy-middleware with the keep-alive agent that a careful Express user gives it.
import http from 'node:http'
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'

const agent = new http.Agent({ keepAlive: true, maxSockets: 256 })
const app = express()
app.use(
  '/api/printing',
  createProxyMiddleware({
    target: process.env.UPSTREAM,
    agent,
    changeOrigin: true,
    xfwd: true,
    proxyTimeout: 60000,
    pathRewrite: { '^/status': '/api/printer/status', '^/temperature': '/api/printer/temperature', '^/(?!api/)': '/api/' },
  }),
)
app.listen(Number(process.env.PORT), '127.0.0.1')
