# timmsg: `make demo` shows it, `make test` tests it; each installs what it needs first. `make help` lists the rest.

# ---- what it needs: the one list (Debian package names) ----
BUILD_PACKAGES = gcc libc6-dev pkg-config lua5.4 liblua5.4-dev libcjson-dev libcurl4-openssl-dev libsqlite3-dev libmd-dev $(XMPP_PACKAGES)
SERVE_PACKAGES    := lua-luv lua-filesystem openssl sqlite3
PROSODY_PACKAGES  := prosody lua-dbi-sqlite3 $(SERVE_PACKAGES)
EJABBERD_PACKAGES := ejabberd erlang-p1-sqlite3 $(SERVE_PACKAGES)
GAME_PACKAGES  := libsdl2-dev libsdl2-ttf-dev libsdl2-image-dev fonts-dejavu-core
TEST_PACKAGES  := $(GAME_PACKAGES) xvfb g++ python3-slixmpp python3-aiohttp lua-busted lua-cqueues nginx-light libcmocka-dev libjsoncpp-dev binutils curl $(PROSODY_PACKAGES) $(EJABBERD_PACKAGES)
BENCH_PACKAGES := lua-sql-sqlite3 lua-cjson nginx-light curl sqlite3 iproute2 $(TEST_PACKAGES)
CLUSTER_PACKAGES := postgresql erlang-p1-pgsql
LINT_PACKAGES  := lua-check cppcheck clang clang-format libclang-rt-14-dev

# make demo, make game on: hub, prosody, ejabberd
SERVER   ?= hub
# XMPP=0 builds without the XMPP backend, which needs libstrophe
XMPP     ?= 1
PREFIX   ?= /usr/local
DESTDIR  ?=
BUILD    ?= build
CC       ?= cc
CXX      ?= c++
LUA      ?= lua5.4
OPT      ?= -O2 -g
SANITIZE ?=

PKGS       := libcjson libcurl sqlite3
ifneq ($(XMPP),0)
PKGS          += libstrophe
XMPP_PACKAGES := libstrophe-dev
else
XMPP_CPPFLAGS := -DTM_WITHOUT_XMPP
endif
VERSION    := $(shell sed -n 's/.*TM_VERSION "\(.*\)"/\1/p' csrc/version.h)
WARN       := -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -fPIC -pthread $(WARN) $(OPT) $(SANITIZE) $(CFLAGS)
ALL_CPPFLAGS = -Icsrc -Icsrc/include $(shell pkg-config --cflags $(PKGS)) $(XMPP_CPPFLAGS) $(CPPFLAGS)
LIBS        = $(shell pkg-config --libs $(PKGS)) -lmd -lm -pthread
LUA_CFLAGS  = $(shell pkg-config --cflags lua5.4)

FACE_SRC := $(wildcard csrc/cloud*.c) csrc/logic.c
CORE_SRC := $(filter-out $(FACE_SRC) $(if $(XMPP_CPPFLAGS),csrc/xmpp%),$(wildcard csrc/*.c))
LUA_SRC  := $(wildcard csrc/lua/*.c)
objects   = $(patsubst csrc/%.c,$(BUILD)/obj/%.o,$(1))
CORE_OBJ := $(call objects,$(CORE_SRC))
FACE_OBJ := $(call objects,$(FACE_SRC))
LUA_OBJ  := $(call objects,$(LUA_SRC))

LIB_SO  := $(BUILD)/libtimmsg.so
LIB_A   := $(BUILD)/libtimmsg.a
LUA_SO  := $(BUILD)/timmsg/core.so
PC      := $(BUILD)/timmsg.pc
LUA_ENV  = LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/spec/?.lua;;" \
           LUA_CPATH="$(CURDIR)/$(BUILD)/?.so;;" TIMMSG_BUILD="$(CURDIR)/$(BUILD)" TIMMSG_SANITIZE="$(SANITIZE)"

LUA_PRELOAD ?=

.PHONY: all lib demo game run-game sanitize cycles test-cycles tsan test-tsan test-tsan-short eager test-eager valgrind test-valgrind crash bench bench-build bench-large rounds model faults test-faults fuzz fuzz-build test help install clean lint deps-build deps-demo-hub deps-demo-prosody deps-demo-ejabberd deps-game deps-test deps-bench deps-cluster deps-lint test-c run-demo run-test format

all: lib
lib: $(LIB_SO) $(LIB_A) $(LUA_SO) $(PC)

help:
	@echo 'make demo     install what is missing, build, show three players chatting; SERVER=prosody, SERVER=ejabberd: there'
	@echo 'make game     install what is missing, build, start two players of the example game'
	@echo 'make test     install what is missing, build, run all tests'
	@echo 'make test-lua, test-prosody, test-ejabberd   the Lua specs on one backend (BUSTED_FLAGS=spec/x_spec.lua: some)'
	@echo 'make deps-build   install what is missing for a build (demo, game and test do that by themselves)'
	@echo 'make          build libtimmsg.so, libtimmsg.a and the Lua module into $(BUILD)/'
	@echo 'make install  put them under PREFIX=$(PREFIX)'
	@echo 'make bench    measure it against luasql with cjson, bare SQLite, curl and bare libstrophe; BENCH=page: some of that'
	@echo 'make bench-large   the same with 10,000,000 stored messages'
	@echo 'make rounds   cut connections, kill clients and servers at any moment, and count messages; SERVER=prosody ROUNDS=200'
	@echo 'make crash    kill processes on hubs at any moment, and lose power, and count messages; ROUNDS=1000 SEED=1'
	@echo 'make model    random programs, on the library and on a model of the rules; PROGRAMS=1000 STEPS=100 SEED=1'
	@echo 'make faults   each allocation, file operation of SQLite and call of the system fails once (SERVER=prosody: on XMPP)'
	@echo 'make fuzz     feed it what nobody would, with libFuzzer; FUZZ=log SECONDS_EACH=3600: one target, for an hour'
	@echo 'make lint     luacheck, cppcheck, clang-format, a build with clang'
	@echo 'make format   lay the C sources out with clang-format'
	@echo 'make clean    remove $(BUILD)/'
	@echo 'make sanitize the tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make cycles   start and end the library 1,000 times in each way, and count what stays: descriptors, threads, bytes'
	@echo 'make eager    the specs while Lua collects its garbage all the time, under those two'
	@echo 'make valgrind the C tests under memcheck; SPECS=spec/lua_face_spec.lua: that one too'
	@echo 'make tsan     the C tests and the specs on the hub under ThreadSanitizer'

# ---- setting up ----
# Installs the packages of a list that are missing; where there is no apt-get it names them. SYSTEMD_OFFLINE: the servers
# among them are not started, the tests have their own.
define install_packages
	@missing=; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if command -v apt-get >/dev/null; then \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    echo "installing:$$missing"; \
	    $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 \
	      apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  else \
	    echo "please install (Debian names):$$missing" >&2; exit 1; \
	  fi; \
	fi
endef

deps-build:
	$(call install_packages,$(BUILD_PACKAGES))
deps-demo-hub: deps-build
deps-demo-prosody: deps-build
	$(call install_packages,$(PROSODY_PACKAGES))
deps-demo-ejabberd: deps-build
	$(call install_packages,$(EJABBERD_PACKAGES))
deps-game: deps-build
	$(call install_packages,$(GAME_PACKAGES))
deps-test: deps-build
	$(call install_packages,$(TEST_PACKAGES))
deps-bench: deps-build
	$(call install_packages,$(BENCH_PACKAGES))
deps-cluster: deps-test
	$(call install_packages,$(CLUSTER_PACKAGES))
deps-lint: deps-test
	$(call install_packages,$(LINT_PACKAGES))

# ---- building ----
$(BUILD)/obj/lua/%.o: csrc/lua/%.c
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) $(ALL_CFLAGS) -fvisibility=hidden $(ALL_CPPFLAGS) $(LUA_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/%.o: csrc/%.c
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) $(ALL_CFLAGS) -fvisibility=hidden $(ALL_CPPFLAGS) -MMD -MP -c -o $@ $<

# The value of XMPP that the objects were built with. Written only when it is another; then what sees it is built anew, and all
# that is linked from that.
XMPP_STAMP := $(BUILD)/obj/XMPP
ifneq ($(shell cat $(XMPP_STAMP) 2>/dev/null),$(XMPP))
.PHONY: $(XMPP_STAMP)
endif
$(XMPP_STAMP):
	@mkdir -p $(@D)
	@echo '$(XMPP)' > $@
$(BUILD)/obj/backend.o $(BUILD)/fuzz-kit/stanza_fuzz.o: $(XMPP_STAMP)

# -z nodelete: a thread of the library may still end while a host unloads it
$(LIB_SO): $(CORE_OBJ) $(FACE_OBJ)
	@echo '  LD $@'
	@$(CC) $(OPT) $(SANITIZE) -shared -Wl,-z,nodelete -Wl,-soname,$(@F) -o $@ $^ $(LIBS)
$(LIB_A): $(CORE_OBJ) $(FACE_OBJ) $(LUA_OBJ)
	@echo '  AR $@'
	@rm -f $@
	@$(AR) rcs $@ $^
$(LUA_SO): $(CORE_OBJ) $(LUA_OBJ)
	@mkdir -p $(@D)
	@echo '  LD $@'
	@$(CC) $(OPT) $(SANITIZE) -shared -Wl,-z,nodelete -o $@ $^ $(LIBS)

# written anew each time: PREFIX may be another
.PHONY: $(PC)
$(PC):
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include/timmsg' '' \
	  'Name: timmsg' 'Description: TIM message API: C library' 'Version: $(VERSION)' \
	  'Libs: -L$${libdir} -ltimmsg' 'Libs.private: $(LIBS)' \
	  'Cflags: -I$${includedir}' > $@

-include $(wildcard $(BUILD)/obj/*.d $(BUILD)/obj/lua/*.d)

# ---- showing ----
# On the hub, or on an XMPP server of its own (spec/serve.lua).
demo: deps-demo-$(SERVER)
	@$(MAKE) --no-print-directory lib
	@$(MAKE) --no-print-directory run-demo
run-demo:
	@$(LUA_ENV) $(if $(filter hub,$(SERVER)),,$(LUA) spec/serve.lua $(SERVER)) $(LUA) examples/demo.lua

# The example game: a host that links the library statically. Two players, until both windows are closed.
GAME_SRC  := $(wildcard examples/game/*.c)
GAME_PKGS := sdl2 SDL2_ttf SDL2_image lua5.4
$(BUILD)/game: $(GAME_SRC) examples/game/host.h $(LIB_A)
	@echo '  CC $@'
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARN) $(OPT) $(SANITIZE) -Icsrc/include $(shell pkg-config --cflags $(GAME_PKGS)) \
	  -DGAME_DIR='"$(CURDIR)/examples/game"' -DLUA_DIR='"$(CURDIR)/lua"' -o $@ $(GAME_SRC) $(LIB_A) \
	  $(shell pkg-config --libs $(GAME_PKGS)) $(LIBS)
game: deps-game deps-demo-$(SERVER)
	@$(MAKE) --no-print-directory run-game
GAME_DATA = $(BUILD)/game-data/$(SERVER)
run-game: $(BUILD)/game
	@$(if $(filter hub,$(SERVER)),,rm -rf $(GAME_DATA))
	@$(LUA_ENV) $(if $(filter hub,$(SERVER)),TIMMSG_SERVER=hub:$(GAME_DATA)/hub,$(LUA) spec/serve.lua $(SERVER)) sh -c '\
	  play() { $(BUILD)/game --user $$1 --data $(GAME_DATA)/$$1 --server "$$TIMMSG_SERVER" --password "$$TIMMSG_PASSWORD" --at $$2; }; \
	  play bob 1000,80 & play alice 20,80; wait'

# ---- testing ----
C_TESTS   := $(patsubst spec/c/%_test.c,$(BUILD)/test/%_test,$(wildcard spec/c/*_test.c))
TEST_LIBS := -lcmocka
# The Lua specs on a backend run whole, or in halves by the first letter of their files: they take much the same time, most of
# which they wait, so that with -j they do it side by side.
HALVES := a-k l-z
with_halves = $(1) $(HALVES:%=$(1)-%)
SUITES := $(foreach suite,test-lua test-prosody test-ejabberd,$(call with_halves,$(suite)))
.PHONY: $(SUITES)

test: deps-test
	@$(MAKE) --no-print-directory lib
	@$(MAKE) --no-print-directory run-test
# XMPP_TESTS=0 leaves the XMPP servers out
XMPP_TESTS ?= $(XMPP)
# the rest of the faults is for make faults
run-test: EVERY := 17
# with -j what takes longest begins first
run-test: $(if $(filter 0,$(XMPP_TESTS)),,$(HALVES:%=test-prosody-%) $(HALVES:%=test-ejabberd-%)) $(HALVES:%=test-lua-%) \
  test-c test-faults

# C tests reach inside the library: they link its objects. Only abi_test and the examples see it as a program does.
$(BUILD)/test/abi_test: spec/c/abi_test.c $(LIB_SO)
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) -std=c99 -pedantic -D_DEFAULT_SOURCE $(WARN) $(OPT) $(SANITIZE) -Icsrc/include -o $@ $< -L$(BUILD) -ltimmsg -Wl,-rpath,$(CURDIR)/$(BUILD) -pthread
$(BUILD)/test/source_examples: spec/c/source_examples.cpp $(LIB_SO)
	@mkdir -p $(@D)
	@echo '  CXX $@'
	@$(CXX) -std=c++17 -Wall -Wextra -Werror $(OPT) $(SANITIZE) -Icsrc/include $(shell pkg-config --cflags jsoncpp) -o $@ $< -L$(BUILD) -ltimmsg -Wl,-rpath,$(CURDIR)/$(BUILD) $(shell pkg-config --libs jsoncpp) -pthread
$(BUILD)/test/%_test: spec/c/%_test.c $(wildcard spec/c/*.h) $(CORE_OBJ) $(FACE_OBJ)
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) $(ALL_CFLAGS) $(ALL_CPPFLAGS) -o $@ $< $(CORE_OBJ) $(FACE_OBJ) $(TEST_LIBS) $(LIBS)

# UNDER='valgrind …': each of them under that
UNDER ?=
# those with threads of their own
THREADED := cloud inside threads cycles mailbox
test-c: $(C_TESTS) $(BUILD)/test/source_examples
	@UNDER='$(UNDER)' BUILD=$(BUILD) LIBTIMMSG=$(CURDIR)/$(LIB_SO) sh spec/c/run $(C_TESTS) $(BUILD)/test/source_examples

# The library of the specs about crashes: it dies where it is told to, and records what it has synced (spec/crash/disk.h).
CRASH_SO    := $(BUILD)/crash/timmsg/core.so
CRASH_CALLS := open close pwrite write ftruncate fsync rename link unlink mkdir mknod mkstemp mkostemp
CRASH_ENV    = $(LUA_ENV) LUA_PATH="$(CURDIR)/spec/crash/?.lua;$(CURDIR)/spec/rounds/?.lua;$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/spec/?.lua;;" \
               LUA_CPATH="$(CURDIR)/$(BUILD)/crash/?.so;;"
$(CRASH_SO): $(wildcard spec/crash/*.[ch]) $(CORE_OBJ) $(LUA_OBJ)
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) $(ALL_CFLAGS) $(ALL_CPPFLAGS) $(LUA_CFLAGS) -shared -Wl,-z,nodelete $(CRASH_CALLS:%=-Wl,--wrap=%) -o $@ $(filter %.c %.o,$^) $(LIBS)

# The Lua specs: on the hub, or on an XMPP server that they start by themselves, those that the backend has a part in.
$(call with_halves,test-lua): BACKEND := hub
$(call with_halves,test-prosody): BACKEND := prosody
$(call with_halves,test-ejabberd): BACKEND := ejabberd
$(call with_halves,test-lua): $(BUILD)/game $(CRASH_SO) $(BUILD)/dies.so
$(call with_halves,test-prosody) $(call with_halves,test-ejabberd): $(BUILD)/skew.so
$(BUILD)/skew.so $(BUILD)/dies.so: $(BUILD)/%.so: spec/c/%.c
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) -std=c11 -D_GNU_SOURCE -shared -fPIC $(WARN) -O2 -o $@ $<
$(SUITES): $(LUA_SO)
	@TIMMSG_BACKEND=$(BACKEND) $(LUA_ENV) $(LUA_PRELOAD) $(LUA) /usr/bin/busted --run=specs -o utfTerminal \
	  $(foreach half,$(HALVES),$(if $(filter %-$(half),$@),$(wildcard spec/[$(half)]*_spec.lua))) $(BUSTED_FLAGS)

# The whole suite with a build under AddressSanitizer and UndefinedBehaviorSanitizer.
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all
sanitize: deps-test
	@$(MAKE) --no-print-directory BUILD=build/asan SANITIZE='$(ASAN)' lib
	@ASAN_OPTIONS=detect_leaks=1 \
	  $(MAKE) --no-print-directory BUILD=build/asan SANITIZE='$(ASAN)' \
	  LUA_PRELOAD="LD_PRELOAD=$$($(CC) -print-file-name=libasan.so):$$($(CC) -print-file-name=libubsan.so)" XMPP_TESTS=0 run-test

# The library set up and ended again and again, from C and from Lua.
CYCLES ?= 1000
cycles: deps-test
	@$(MAKE) --no-print-directory lib test-cycles
test-cycles: $(BUILD)/test/cycles_test
	@CYCLES=$(CYCLES) $<
	@CYCLES=$(CYCLES) $(MAKE) --no-print-directory test-lua BUSTED_FLAGS="--filter='again and again' spec/inside_spec.lua"

# An interpreter that brings the sanitizer along, for itself and for all that is called lua5.4 (spec/c/lua.c).
$(BUILD)/bin/lua5.4: spec/c/lua.c
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) -o $@ $< $(shell pkg-config --libs lua5.4)
OWN_LUA = PATH="$(CURDIR)/$(BUILD)/bin:$$PATH"

# ThreadSanitizer: the C tests and the specs on the hub. Left out are the specs that count what an idle process does:
# the sanitizer has a thread of its own, which is never idle. SHORT=1: those tests alone that have threads of their own.
SHORT ?=
tsan: deps-test
	@$(MAKE) --no-print-directory BUILD=build/tsan SANITIZE=-fsanitize=thread $(if $(SHORT),test-tsan-short,lib test-tsan)
test-tsan: $(BUILD)/bin/lua5.4
	@$(MAKE) --no-print-directory test-c
	@$(OWN_LUA) TIMMSG_PATIENCE=6 $(MAKE) --no-print-directory test-lua \
	  BUSTED_FLAGS='$(BUSTED_FLAGS) --filter-out="is woken by nothing else" --filter-out="an idle client costs nothing"'
test-tsan-short: $(THREADED:%=$(BUILD)/test/%_test)
	@sh spec/c/run $^

# valgrind's memcheck: the C tests, and those of the specs that are asked for, on the plain build: SPECS=spec/lua_face_spec.lua
SPECS    ?=
VALGRIND := valgrind -q --leak-check=full --error-exitcode=9 --fair-sched=yes
valgrind: deps-test
	$(call install_packages,valgrind)
	@$(MAKE) --no-print-directory lib test-valgrind
test-valgrind:
	@GLIBC_TUNABLES=glibc.malloc.tcache_count=0 CYCLES=3 CALLS=100 $(MAKE) --no-print-directory UNDER='$(VALGRIND)' test-c
	@$(if $(SPECS),TIMMSG_PATIENCE=10 CYCLES=4 $(MAKE) --no-print-directory LUA_PRELOAD='$(VALGRIND)' BUSTED_FLAGS='$(SPECS)' test-lua)

# The specs with a collector as eager as one can bear (spec/c/lua.c), and a library under AddressSanitizer, which sees
# what was used after it was collected. SHORT=1: those specs alone that are about Lua. EAGER=7: everything is collected
# at each 7th new object.
EAGER ?= 499
eager: deps-test
	@$(MAKE) --no-print-directory BUILD=build/asan SANITIZE='$(ASAN)' lib test-eager
test-eager: $(BUILD)/bin/lua5.4
	@$(LUA_ENV) TIMMSG_EAGER=1 $< spec/eager.lua
	@$(OWN_LUA) TIMMSG_EAGER=$(EAGER) TIMMSG_PATIENCE=6 $(if $(SHORT),CYCLES=8) $(MAKE) --no-print-directory test-lua \
	  $(if $(SHORT),BUSTED_FLAGS='$(patsubst %,spec/%_spec.lua,lua_face await value inside)')

# ---- measuring ----
# Prints one table; BENCH=page: some of the rows, whose options BENCH_FLAGS may have (ROUNDS=9).
BENCH ?= import page value flow latency call frame download idle testing $(if $(filter 0,$(XMPP)),,xmpp)
BENCH_ENV := $(LUA_ENV) LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/spec/?.lua;$(CURDIR)/spec/bench/?.lua;;" \
             LUA_CPATH="$(CURDIR)/$(BUILD)/?.so;$(CURDIR)/$(BUILD)/bench/?.so;;"
BENCH_BUILT := bare_sqlite bench_clock.so bench_value.so $(if $(filter 0,$(XMPP)),,bare_strophe)
bench: deps-bench
	@$(MAKE) --no-print-directory bench-build
	@$(BENCH_ENV) $(LUA) spec/bench/run.lua $(BENCH) $(BENCH_FLAGS)
bench-build: lib $(BENCH_BUILT:%=$(BUILD)/bench/%)
# Takes long and needs 10 GB of disk.
bench-large:
	@$(MAKE) --no-print-directory bench BENCH=large

$(BUILD)/bench/bare_strophe: BENCH_LIBS = $(shell pkg-config --libs libstrophe)
$(BUILD)/bench/bare_sqlite: BENCH_LIBS = $(shell pkg-config --libs sqlite3)
$(BUILD)/bench/bare_%: spec/bench/bare_%.c
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARN) $(OPT) $(shell pkg-config --cflags $(PKGS)) -o $@ $< $(BENCH_LIBS)
$(BUILD)/bench/bench_clock.so: spec/bench/bench_clock.c
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) -shared -o $@ $<
$(BUILD)/bench/bench_value.so: spec/bench/bench_value.c $(CORE_OBJ) $(LUA_OBJ)
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) $(ALL_CFLAGS) $(ALL_CPPFLAGS) $(LUA_CFLAGS) -shared -o $@ $^ $(LIBS)

# ---- breaking ----
# make rounds SERVER=ejabberd ROUNDS=1000 SEED=1 FAULTS=cut,client,server; SERVER=cluster ROUNDS=3
ROUNDS ?= 200
SEED   ?= $(shell date +%s)
FAULTS ?= cut,client,server
rounds: deps-test $(if $(filter cluster,$(SERVER)),deps-cluster)
	@$(MAKE) --no-print-directory lib
	@$(LUA_ENV) $(LUA) $(if $(filter cluster,$(SERVER)),spec/rounds/cluster.lua ROUNDS=$(ROUNDS) SEED=$(SEED),\
	  spec/rounds/rounds.lua $(SERVER:hub=prosody) $(ROUNDS) $(SEED) $(FAULTS))

# Random programs by three users, on the library and on a model of the rules. A program that differs is shrunk and printed;
# REPLAY=file plays one that was kept.
PROGRAMS ?= 10000
STEPS    ?= 100
REPLAY   ?=
model: deps-test
	@$(MAKE) --no-print-directory lib
	@$(LUA_ENV) $(LUA) spec/model/run.lua PROGRAMS=$(PROGRAMS) STEPS=$(STEPS) SEED=$(SEED) REPLAY=$(REPLAY)

# Every allocation fails once, everything that SQLite asks of its files, and all that the library asks of the system.
# EVERY=97: only every 97th; TROUBLE="lua busy": only these (spec/faults/memory.c, files.c, system.c).
# SERVER=prosody (or ejabberd): memory and the system, on an XMPP server.
EVERY   ?= 1
TROUBLE ?=
FAULTS_SRC := $(wildcard spec/faults/*.c)
COMMA := ,
# what spec/faults/system.c stands before
SYSTEM_CALLS := access mkdir mknod mkstemp mkostemp fstat stat lstat fstatat fchmodat fsync ftruncate read pread write pwrite \
                readlink rename link unlink unlinkat flock eventfd socket bind setsockopt sendto recv poll getrandom fseek open \
                openat fcntl opendir fdopendir readdir fdopen pthread_create
$(BUILD)/test/faults: $(FAULTS_SRC) spec/faults/trouble.h $(CORE_OBJ) $(LUA_OBJ)
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) $(ALL_CFLAGS) $(ALL_CPPFLAGS) $(LUA_CFLAGS) $(patsubst %,-Wl$(COMMA)--wrap=%,malloc calloc realloc free $(SYSTEM_CALLS)) -o $@ \
	  $(FAULTS_SRC) $(CORE_OBJ) $(LUA_OBJ) $(LIBS) $(shell pkg-config --libs lua5.4)
test-faults: $(BUILD)/test/faults
	@$(if $(filter hub,$(SERVER)),,TIMMSG_PAIRS=100 $(LUA) spec/serve.lua $(SERVER)) \
	  $< '$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/spec/?.lua' spec/faults $(EVERY) $(TROUBLE)
faults: deps-test
	@$(MAKE) --no-print-directory test-faults

# Fuzzing with libFuzzer, which needs clang, under AddressSanitizer and UndefinedBehaviorSanitizer. FUZZ="call log": some
# targets; SECONDS_EACH=60, or RUNS=10000000, for each. What was found useful stays in $(BUILD)/fuzz/corpus for the next time.
FUZZ         ?= json table call image log stanza
SECONDS_EACH ?= 60
RUNS         ?= -1
# the same each time, so that a run in CI fails for what was changed; FUZZ_SEED=0: another each time
FUZZ_SEED    ?= 1
FUZZ_FLAGS   := -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
fuzz: deps-lint
	@$(MAKE) --no-print-directory lib
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang SANITIZE='$(FUZZ_FLAGS)' fuzz-build
	@$(LUA_ENV) $(LUA) spec/fuzz/seeds.lua $(BUILD)/fuzz/seeds
	@sh spec/fuzz/run $(BUILD)/fuzz $(SECONDS_EACH) $(RUNS) $(FUZZ_SEED) $(FUZZ)
fuzz-build: $(FUZZ:%=$(BUILD)/%_fuzz)
.SECONDARY: $(patsubst spec/fuzz/%.c,$(BUILD)/fuzz-kit/%.o,$(wildcard spec/fuzz/*.c))
FUZZ_OBJ := $(BUILD)/fuzz-kit/stage.o $(BUILD)/fuzz-kit/tree.o $(BUILD)/fuzz-kit/same.o
-include $(wildcard $(BUILD)/fuzz-kit/*.d)
$(BUILD)/fuzz-kit/%.o: spec/fuzz/%.c
	@mkdir -p $(@D)
	@echo '  CC $@'
	@$(CC) $(ALL_CFLAGS) $(ALL_CPPFLAGS) $(LUA_CFLAGS) -DLUA_DIR='"$(CURDIR)/lua"' -MMD -MP -c -o $@ $<
$(BUILD)/%_fuzz: $(BUILD)/fuzz-kit/%_fuzz.o $(FUZZ_OBJ) $(CORE_OBJ) $(LUA_OBJ)
	@echo '  LD $@'
	@$(CC) $(SANITIZE) -fsanitize=fuzzer -o $@ $^ $(LIBS) $(shell pkg-config --libs lua5.4)

# make crash ROUNDS=1000 SEED=1: on hubs, processes are killed, and the power goes
crash: deps-test
	@$(MAKE) --no-print-directory $(CRASH_SO)
	@$(CRASH_ENV) $(LUA) spec/crash/crash.lua $(ROUNDS) $(SEED)
	@$(CRASH_ENV) $(LUA) spec/crash/power.lua $$(($(ROUNDS) / 10 + 1)) $(SEED)

# ---- lint ----
lint: deps-lint
	luacheck -q lua spec examples
	clang-format --dry-run -Werror $(wildcard csrc/*.[ch] csrc/lua/*.[ch] csrc/include/*.h spec/c/*.[ch] spec/crash/*.[ch] spec/fuzz/*.[ch] spec/faults/*.[ch] spec/bench/*.c examples/game/*.[ch])
	@# incorrectLogicOperator: cppcheck 2.10 reads hexadecimal floats (0x1p63) as 0
	cppcheck -q --error-exitcode=1 --suppress=incorrectLogicOperator --std=c11 --enable=warning,performance,portability --inline-suppr \
	  --suppress=missingIncludeSystem -Icsrc -Icsrc/include csrc
	$(MAKE) --no-print-directory BUILD=$(BUILD)/clang CC=clang lib
	@# hosts that build Lua as C++ build this face so too
	for f in $(LUA_SRC); do $(CXX) -x c++ -std=c++17 -fsyntax-only -Wall -Wextra $(ALL_CPPFLAGS) $(LUA_CFLAGS) $$f || exit 1; done
format:
	clang-format -i $(wildcard csrc/*.[ch] csrc/lua/*.[ch] csrc/include/*.h spec/c/*.[ch] spec/crash/*.[ch] spec/fuzz/*.[ch] spec/faults/*.[ch] spec/bench/*.c examples/game/*.[ch])

# ---- installing ----
LUA_DIR  ?= $(PREFIX)/share/lua/5.4
LUA_CDIR ?= $(PREFIX)/lib/lua/5.4
install: lib
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/timmsg \
	  $(DESTDIR)$(LUA_DIR)/timmsg $(DESTDIR)$(LUA_CDIR)/timmsg
	install -m 755 $(LIB_SO) $(DESTDIR)$(PREFIX)/lib/
	install -m 644 $(LIB_A) $(DESTDIR)$(PREFIX)/lib/
	install -m 644 $(PC) $(DESTDIR)$(PREFIX)/lib/pkgconfig/
	install -m 644 csrc/include/*.h $(DESTDIR)$(PREFIX)/include/timmsg/
	install -m 644 lua/timmsg/*.lua $(DESTDIR)$(LUA_DIR)/timmsg/
	install -m 755 $(LUA_SO) $(DESTDIR)$(LUA_CDIR)/timmsg/

clean:
	rm -rf $(BUILD)
	@# and what luarocks leaves behind
	rm -f timmsg/core.so csrc/*.o csrc/lua/*.o
	@rmdir timmsg 2>/dev/null || true
