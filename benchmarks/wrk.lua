-- Asks for the given paths in turn and reports exact figures as one line of JSON.
local requests, turn = {}, 0

function init(arguments)
   for i, path in ipairs(arguments) do
      requests[i] = wrk.format("GET", path)
   end
   function request()
      turn = turn % #requests + 1
      return requests[turn]
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format('{"rps":%.1f,"p50":%d,"p99":%d,"requests":%d,"errors":%d}\n',
      summary.requests / (summary.duration / 1e6), latency:percentile(50), latency:percentile(99), summary.requests,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
