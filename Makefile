# orm: a SQLite extension that gives a database file its own object model.
#
#   make demo   install what is missing, build, show the main job
#   make test   install what is missing, run every test
CC      ?= gcc
CFLAGS  ?= -O2 -g
WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
SO       = orm.so
SRC      = $(sort $(wildcard ext/*.c ext/*/*.c))
HDR      = $(wildcard ext/*.h ext/*/*.h include/*.h)
BUILD    = build
OBJ      = $(SRC:%.c=$(BUILD)/%.o)
ALLFLAGS = $(CFLAGS) $(WARN) -std=c11 -fPIC -fvisibility=hidden -Iinclude

all: $(SO)

$(BUILD)/%.o: %.c $(HDR)
	@mkdir -p $(@D)
	$(CC) $(ALLFLAGS) -c $< -o $@

$(SO): $(OBJ)
	$(CC) $(CFLAGS) -shared -Wl,-z,relro,-z,now,-z,noexecstack -o $@ $(OBJ)

clean:
	rm -rf $(BUILD) $(SO)

.PHONY: all clean
