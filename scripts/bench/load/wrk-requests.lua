-- Asks what the file in the first argument describes (a Lua table: targets, pieces, first, count), each request with a number
-- of its own, and prints one line of JSON at the end. LuaJIT, run by wrk.

local threads = 0
local plan

function setup(thread)
  threads = threads + 1
  thread:set("position", threads - 1)
  -- The command line is not known yet here; the environment is.
  plan = plan or dofile(os.getenv("BENCH_PLAN"))
  local target = plan.targets[(threads - 1) % #plan.targets + 1]
  thread.addr = wrk.lookup(target.host, target.port)[1]
  thread:set("host", target.host .. ":" .. target.port)
end

function init(args)
  plan = dofile(os.getenv("BENCH_PLAN"))
  -- Each thread has numbers of its own: position, position + threads, …
  next_number = position
  pieces, widths = {}, {}
  for i, piece in ipairs(plan.pieces) do
    pieces[i] = piece.text:gsub("%%HOST%%", host)
    widths[i] = piece.digits > 0 and ("%0" .. piece.digits .. "d") or false
  end
end

function request()
  local number = plan.first + next_number % plan.count
  next_number = next_number + plan.threads
  local parts = {}
  for i = 1, #pieces do
    parts[#parts + 1] = pieces[i]
    if widths[i] then
      parts[#parts + 1] = widths[i]:format(number % plan.powers[i])
    end
  end
  return table.concat(parts)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"p999":%d,"worst":%d,' ..
    '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
