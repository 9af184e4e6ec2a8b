# orm: a SQLite extension that gives a database file its own object model.
#
#   make            build orm.so (needs a C compiler and SQLite's headers only)
#   make demo       install what is missing, build, show the main job
#   make demo DB=x  the same on a copy of a database like Chinook
#   make test       install what is missing, build, run every test
#   make check-all  everything below that tests, some of each: 20 minutes
#   make check-long all of each: hours
#
#   make format-check test-asan test-valgrind coverage matrix fuzz mutate load
#   make bench bench-peers bench-scale bench-plot bench-check
#   make test-bindings test-packages test-types test-cluster test-cross
#   make deb npm wheel sqlpkg
#   make install PREFIX=/usr/local DESTDIR=    make amalgamation dist clean
#
# Set by the user: CC, CFLAGS, CPPFLAGS, LDFLAGS, TESTS ('cascade* json'),
# SECONDS (make fuzz), VERSIONS (make matrix), MACHINES (make test-cross),
# DEBUG=1 (with assertions).

VERSION := $(shell cat include/VERSION)
BUILD   ?= build
PREFIX  ?= /usr/local
TCLSH   ?= tclsh
SECONDS ?= 10

ifeq ($(origin CC),default)
CC := $(shell command -v gcc || command -v clang || echo gcc)
endif
CFLAGS ?= -O2 -g
WARN    = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
ifeq ($(DEBUG),)
NDEBUG  = -DNDEBUG
endif

# What a loadable library is called and how it is linked.
TARGET := $(shell $(CC) -dumpmachine 2>/dev/null)
ifneq ($(findstring mingw,$(TARGET)),)
SO     ?= orm.dll
SHARED  = -shared -static-libgcc
else ifneq ($(findstring darwin,$(TARGET)),)
SO     ?= orm.dylib
SHARED  = -dynamiclib -undefined dynamic_lookup
else
SO     ?= orm.so
SHARED  = -shared -Wl,-z,relro,-z,now,-z,noexecstack
endif
ifeq ($(findstring mingw,$(TARGET)),)
PIC     = -fPIC -fvisibility=hidden
endif

SQLITE_CFLAGS = $(shell pkg-config --cflags sqlite3 2>/dev/null)
SRC  := $(sort $(wildcard ext/*.c ext/*/*.c))
HDR  := $(wildcard ext/*.h ext/*/*.h include/*.h)
OBJ   = $(SRC:%.c=$(BUILD)/%.o)
FLAGS = $(CFLAGS) $(WARN) -std=c11 $(PIC) $(NDEBUG) -Iinclude \
        $(SQLITE_CFLAGS) $(CPPFLAGS)

all: $(SO)

# Built on all processors, unless make itself was told how many.
CORES := $(shell nproc 2>/dev/null || echo 2)
JOBS   = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(CORES))

$(SO): $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SHARED) $(LDFLAGS) -o $@ $(OBJ)

$(BUILD)/%.o: %.c $(HDR) $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(FLAGS) -c $< -o $@

# Rewritten only when the compiler or its flags change: then all is rebuilt.
$(BUILD)/flags: always
	@mkdir -p $(@D)
	@echo '$(CC) $(FLAGS)' | cmp -s - $@ || echo '$(CC) $(FLAGS)' > $@

# Each part of the work installs what it needs, if it is missing.
deps-%:
	@.ci/deps $*

demo: deps-demo
	@$(MAKE) $(JOBS) -s --no-print-directory all
	@tests/demo/run '$(DB)'

test: deps-test
	@$(MAKE) $(JOBS) --no-print-directory all
	@$(TCLSH) tests/all.test $(TESTS)

check-all: deps-test
	@.ci/run

check-long: deps-test
	@.ci/run --long

format-check: deps-test
	@$(TCLSH) tcl/format.tcl

ASAN = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
       -fno-sanitize-recover=undefined
test-asan: deps-test
	@$(MAKE) $(JOBS) --no-print-directory all BUILD=build/asan \
	  SO=build/asan/orm.so DEBUG=1 CC=gcc CFLAGS='$(ASAN)'
	@ORM_LIB=build/asan/orm ORM_TIMEOUT=600 \
	  ORM_PRELOAD="$$(gcc -print-file-name=libasan.so)" \
	  ASAN_OPTIONS=detect_leaks=0 $(TCLSH) tests/all.test $(TESTS)

VALGRIND = valgrind -q --error-exitcode=9 --leak-check=full \
           --errors-for-leak-kinds=definite --show-leak-kinds=definite \
           --keep-debuginfo=yes --suppressions=tests/fault/valgrind.supp
test-valgrind: deps-valgrind
	@$(MAKE) $(JOBS) --no-print-directory all BUILD=build/debug \
	  SO=build/debug/orm.so DEBUG=1 CFLAGS='-O1 -g'
	@ORM_LIB=build/debug/orm ORM_TIMEOUT=7200 ORM_WRAP='$(VALGRIND)' \
	  ORM_FAULTS=$${ORM_FAULTS:-3} \
	  $(TCLSH) tests/all.test $(TESTS)

# Branches that cannot be taken are constants here (ORM_COVERAGE); faults in
# every statement (ORM_SWEEP); tests/coverage/gaps.txt holds what is known.
coverage: deps-coverage
	@rm -rf build/cov
	@$(MAKE) $(JOBS) --no-print-directory all BUILD=build/cov SO=build/cov/orm.so \
	  CC=gcc CFLAGS='-O0 -g --coverage' CPPFLAGS='-DORM_COVERAGE'
	@ORM_LIB=build/cov/orm ORM_TIMEOUT=900 \
	  $(TCLSH) tests/all.test $(TESTS) > build/cov/tests.txt; rc=$$?; \
	  ORM_LIB=build/cov/orm ORM_TIMEOUT=1800 ORM_SWEEP=2 \
	  $(TCLSH) tests/all.test $$(tests/coverage/swept) \
	  > build/cov/sweep.txt; \
	  gcovr -r . --object-directory build/cov -f "ext/" -s \
	  --txt build/cov/summary.txt --json build/cov/coverage.json \
	  --exclude-throw-branches --html-details build/cov/index.html; \
	  cat build/cov/summary.txt build/cov/tests.txt build/cov/sweep.txt; \
	  python3 tests/coverage/judge.py build/cov/coverage.json && exit $$rc

matrix: deps-matrix
	@$(MAKE) $(JOBS) --no-print-directory all
	@tests/matrix/run $(VERSIONS)

# Eight processes on one file.
load: deps-test
	@$(MAKE) $(JOBS) --no-print-directory all
	@tests/load/run $(SECONDS)

# Changes that no test notices (COUNT of them tried; hours for hundreds).
mutate: deps-test
	@tests/mutate/run $(or $(COUNT),20) $(or $(SEED),1)

fuzz: deps-fuzz
	@tests/fuzz/run $(SECONDS)

bench: deps-bench
	@$(MAKE) $(JOBS) --no-print-directory all
	@tests/bench/run $(BENCH)

# Instruction counts beside those that are kept (tests/bench/figures.txt).
bench-check: deps-valgrind deps-matrix
	@tests/bench/regress $(KEEP)

# What grows with the file, the shape of a graph, the models (SCALE=10M).
bench-scale: deps-bench
	@$(MAKE) $(JOBS) --no-print-directory all
	@SCALE=$(SCALE) tests/bench/run scale $(PARTS)

# The tables that were run last into docs/performance.md, and its pictures.
bench-plot: deps-test
	@$(TCLSH) tests/bench/plot.tcl

bench-peers: deps-peers
	@$(MAKE) $(JOBS) --no-print-directory all
	@tests/bench/peers/run $(PEERS)

test-bindings: deps-test
	@$(MAKE) $(JOBS) --no-print-directory all amalgamation
	@tests/bindings/run $(TESTS)

test-types: deps-types
	@$(MAKE) $(JOBS) --no-print-directory all
	@tests/types/run

test-cluster: deps-cluster
	@$(MAKE) --no-print-directory amalgamation
	@tests/cluster/run

# For other machines: i386, arm64, s390x, windows.
test-cross: deps-test
	@tests/cross/run $(MACHINES)

# Packages of this platform, in build/packages/.
deb npm wheel sqlpkg: all
	@.ci/package $@

test-packages: deps-packages
	@$(MAKE) $(JOBS) --no-print-directory all
	@tests/packages/run

# One orm.c and orm.h, for programs that link the extension statically.
amalgamation: deps-test
	@$(TCLSH) tcl/amalgamate.tcl $(BUILD)/amalgamation

install: all
	install -d '$(DESTDIR)$(PREFIX)/lib/sqlite3' \
	  '$(DESTDIR)$(PREFIX)/share/man/man3' \
	  '$(DESTDIR)$(PREFIX)/include' '$(DESTDIR)$(PREFIX)/lib/pkgconfig' \
	  '$(DESTDIR)$(PREFIX)/lib/tcltk/orm$(VERSION)'
	install -m 755 $(SO) '$(DESTDIR)$(PREFIX)/lib/sqlite3/$(notdir $(SO))'
	install -m 644 include/orm.h '$(DESTDIR)$(PREFIX)/include/orm.h'
	install -m 644 docs/orm.3sql '$(DESTDIR)$(PREFIX)/share/man/man3/orm.3sql'
	install -m 644 tcl/json.tcl tcl/orm.tcl tcl/pkgIndex.tcl \
	  '$(DESTDIR)$(PREFIX)/lib/tcltk/orm$(VERSION)'
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib/sqlite3' \
	  'includedir=$${prefix}/include' 'extension=$${libdir}/orm' '' \
	  'Name: orm' 'Version: $(VERSION)' \
	  'Description: the object model inside a SQLite database file' \
	  'Requires: sqlite3 >= 3.38' 'Cflags: -I$${includedir}' \
	  > '$(DESTDIR)$(PREFIX)/lib/pkgconfig/orm.pc'

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/lib/sqlite3/$(notdir $(SO))' \
	  '$(DESTDIR)$(PREFIX)/include/orm.h' \
	  '$(DESTDIR)$(PREFIX)/share/man/man3/orm.3sql' \
	  '$(DESTDIR)$(PREFIX)/lib/pkgconfig/orm.pc'
	rm -rf '$(DESTDIR)$(PREFIX)/lib/tcltk/orm$(VERSION)'

# The sources as they are committed, and the amalgamation.
dist: amalgamation
	@mkdir -p build/dist
	git archive --prefix=orm-$(VERSION)/ -o build/dist/orm-$(VERSION).tar.gz \
	  HEAD
	cd build/amalgamation && tar -czf \
	  ../dist/orm-amalgamation-$(VERSION).tar.gz orm.c orm.h
	@ls -l build/dist

clean:
	rm -rf build orm.so orm.dylib orm.dll

always:

.PHONY: all always demo test check-all check-long format-check test-asan \
  test-valgrind coverage matrix fuzz mutate load bench bench-check bench-peers \
  bench-scale bench-plot \
  test-bindings test-packages test-types test-cluster test-cross \
  deb npm wheel sqlpkg \
  amalgamation install \
  uninstall dist clean
