-- The load of packages_test.sh: each role behind the router is asked in turn, and answers 200 to each.
--   wrk -s load.lua URL -- COOKIE CSRF_TOKEN
local all, last = {}, 0

function init(args)
    local json = { ["Content-Type"] = "application/json" }
    local signed = { ["Content-Type"] = "application/json", ["Cookie"] = args[1] }
    all = {
        wrk.format("GET", "/wsapi/session_context", { ["Cookie"] = args[1] }), -- browserid
        wrk.format("POST", "/wsapi/complete_unblock", signed, '{"token":"' .. ("x"):rep(48) .. '","csrf":"' .. args[2] .. '"}'), -- dbwriter
        wrk.format("POST", "/verify", json, '{"assertion":"none","audience":"http://127.0.0.1"}'), -- verifier
        wrk.format("GET", "/sign_in"), -- static
    }
end

function request()
    last = last % #all + 1
    return all[last]
end
