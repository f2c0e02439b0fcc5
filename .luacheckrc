std = "lua54"
max_line_length = 140
files["spec"] = { std = "lua54+busted" }
exclude_files = { "build", "lua/timmsg/_meta.lua" }
