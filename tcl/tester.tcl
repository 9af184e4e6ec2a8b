# The tester: what a *.test file begins with and ends with.
#
#   source [file join [file dirname [info script]] ../tcl/tester.tcl]
#   do_execsql_test cascade-1.1-C21 { SELECT 1, 'two', NULL } {1 two {}}
#   finish_test
#
# It is made in the manner of SQLite's own tester and serves any Tcl suite that
# wants to test a database with or without the extension.  A file runs by
# itself (`tclsh tests/x.test`) or with all others, each in a process of its
# own (`tclsh tests/all.test ?pattern ...?`).  Its last line is always
# `N passed, N failed`, and it exits with 1 if anything failed.
#
# At the start there is an empty directory of this file's own (the current
# one), a database test.db in it, open as `db` with the extension loaded.
#
# Tests.  A name is subject-number, then the rules that it proves:
#   do_test NAME SCRIPT EXPECTED       the script's result is compared as text;
#       EXPECTED may be /regexp/ or ~/regexp that must not match/
#   do_execsql_test ?-db DB? NAME SQL ?ROWS?    all values, as one list
#   do_catchsql_test ?-db DB? NAME SQL {RC MSG}   {1 {the message}} or {0 rows}
#   do_error_test ?-db DB? NAME SQL MSG ?CODE?  SQL must fail with MSG (also
#       /regexp/), and CODE if given: the number of the error
#   do_json_test ?-db DB? NAME SQL JSON  one value, compared as JSON: the order
#       of object keys does not matter, numbers count by value
#   do_eqp_test NAME SQL EXPECTED      the query plan as the shell draws it, or
#       part of it (a glob pattern)
#   do_example_test PAGE               the examples of a page: see examples.tcl
#   skip REASON                        end this file here, saying why
#   finish_test                        the summary; the last line of the file
#
# Helpers:
#   execsql SQL ?DB?, catchsql SQL ?DB?
#   reset_db ?FILE?          close, delete and open anew (default test.db)
#   open_db NAME ?FILE?      another connection, extension loaded; closes NAME
#                            first if it is open.  -bare before NAME: without
#                            the extension
#   load_orm ?DB?            load the extension
#   seed                     start rand() from ORM_SEED (a number, or `random`;
#                            default 1), return it; a failure prints it
#   random_int LOW HIGH, random_pick LIST, random_shuffle LIST
#   statements SCRIPT ?DB?   the SQL that DB ran during SCRIPT, as a list: also
#                            what the extension ran, triggers left out
#   sqlite_at_least 3.45     1 if SQLite is that new
#   has_pragma GLOB          1 if ORM_PRAGMAS has one like that
#   chinook                  path of the sample database, or "" if it is absent
#   blog ?DB?                define User, Post and Tag of DESIGN.md part 3, and
#                            write three users, four posts, three tags
#   json TEXT                parse to a tree (see json.tcl)
#
# The environment: ORM_LIB the extension to load (default: orm in the top
# folder), ORM_SEED, ORM_JOBS processes at once, ORM_TIMEOUT seconds a file,
# ORM_TMP where directories are made, LD_LIBRARY_PATH which SQLite, ORM_PRAGMAS
# what every connection says first, the list `encoding='UTF-16le' page_size=512`
# for one: what is true must be true of such databases as well.  For another
# machine's binaries: ORM_CC is the compiler, ORM_TCLSH the command that is tclsh
# there, ORM_RUN what is put before a program that a test has built.  ORM_SWEEP:
# faults in every statement (tests/fault/sweep.tcl).  ORM_STOP: the first check
# that fails ends the file.

package require Tcl 8.6
package require sqlite3
set ::tester(top) [file dirname [file dirname [file normalize [info script]]]]
source [file join $::tester(top) tcl json.tcl]
source [file join $::tester(top) tcl examples.tcl]

set ::tester(file) [file rootname [file tail $::argv0]]
set ::tester(passed) 0
set ::tester(failed) 0
set ::tester(seed) ""
set ::tester(names) [dict create]
set ::tester(stop) [info exists ::env(ORM_STOP)]
unset -nocomplain ::env(ORM_STOP)

# The compiler (or ""), tclsh, and what goes before a program that was built.
foreach {name value} [list cc [lindex [lmap word {gcc clang cc} {
  if {[auto_execok $word] eq ""} continue
  set word
}] 0] tclsh [list [info nameofexecutable]] run {}] {
  if {[info exists ::env(ORM_[string toupper $name])]} {
    set value $::env(ORM_[string toupper $name])
  }
  set ::tester($name) $value
}
catch {unset name value word}

# ---------------------------------------------------------------- reporting

proc pass {name} {
  Named $name
  incr ::tester(passed)
}

proc fail {name args} {
  Named $name
  incr ::tester(failed)
  puts "! $name"
  foreach line $args { puts "    $line" }
  flush stdout
  if {$::tester(stop)} Leave
}

# Two tests of one name would hide each other in a report.
proc Named {name} {
  if {[dict exists $::tester(names) $name]} {
    incr ::tester(failed)
    puts "! $name: two tests have this name"
  }
  dict set ::tester(names) $name 1
}

proc finish_test {} {
  if {[llength [info commands db]]} { CheckIntegrity }
  Leave
}

proc skip {reason} {
  puts "$::tester(file): skipped: $reason"
  Leave 1
}

proc Leave {{skipped 0}} {
  foreach name [info commands db*] { catch {$name close} }
  if {!$skipped && $::tester(passed) + $::tester(failed) == 0} {
    puts "! $::tester(file): no test ran"
    incr ::tester(failed)
  }
  if {$::tester(failed) && $::tester(seed) ne ""} {
    puts "ORM_SEED=$::tester(seed)"
  }
  cd $::tester(top)
  if {!$::tester(failed)} { catch {file delete -force $::tester(dir)} }
  if {[info exists ::tester(faults)]} {
    puts "$::tester(faults) faults injected"
  }
  puts "$::tester(passed) passed, $::tester(failed) failed"
  exit [expr {$::tester(failed) > 0}]
}

# Whatever a file did, its database is sound at the end.
proc CheckIntegrity {} {
  if {[catch {db eval {PRAGMA main.integrity_check}} result]} return
  if {$result eq "ok"} {
    pass $::tester(file)-integrity
  } else {
    fail $::tester(file)-integrity $result
  }
}

# --------------------------------------------------------------- connections

# Every connection of a test begins with ORM_PRAGMAS; what a file cannot be told
# any more, or refuses, it is not told.
set ::tester(pragmas) {}
if {[info exists ::env(ORM_PRAGMAS)]} {
  set ::tester(pragmas) $::env(ORM_PRAGMAS)
}
if {[llength $::tester(pragmas)]} {
  rename sqlite3 Sqlite3
  proc sqlite3 {name args} {
    set result [uplevel 1 [list Sqlite3 $name {*}$args]]
    if {[string match -* $name]} { return $result }
    foreach pragma $::tester(pragmas) {
      catch {uplevel 1 [list $name eval "PRAGMA $pragma"]}
    }
    return $result
  }
}

# Was every connection told this?  For tests of what it changes.
proc has_pragma {pattern} {
  return [expr {[lsearch -glob $::tester(pragmas) $pattern] >= 0}]
}

# --------------------------------------------------------------------- tests

# Does a result agree with what is expected: equal, /regexp/ or ~/regexp/?
proc Agrees {result expected} {
  if {[regexp {^~?/.*/$} $expected]} {
    set negate [string match ~* $expected]
    set re [string range $expected [expr {$negate + 1}] end-1]
    return [expr {[regexp -- $re $result] != $negate}]
  }
  return [expr {$result eq $expected}]
}

proc Compare {name result expected} {
  if {[Agrees $result $expected]} {
    pass $name
  } else {
    fail $name "expected: \[$expected\]" "     got: \[$result\]"
  }
}

proc do_test {name script expected} {
  if {[catch {uplevel #0 $script} result options]} {
    fail $name "expected: \[$expected\]" "   error: $result"
    return
  }
  Compare $name $result $expected
}

# Take `-db DB` off the front of an argument list.
proc TakeDb {argsVar} {
  upvar 1 $argsVar arguments
  if {[lindex $arguments 0] ne "-db"} { return db }
  set db [lindex $arguments 1]
  set arguments [lrange $arguments 2 end]
  return $db
}

proc do_execsql_test {args} {
  set db [TakeDb args]
  lassign $args name sql rows
  if {[catch {execsql $sql $db} result]} {
    fail $name "expected: \[$rows\]" "   error: $result"
    return
  }
  if {![regexp {^\s*~?/.*/\s*$} $rows]} { set rows [list {*}$rows] }
  Compare $name $result [string trim $rows]
}

proc do_catchsql_test {args} {
  set db [TakeDb args]
  lassign $args name sql expected
  set result [catchsql $sql $db]
  if {![regexp {^\s*~?/.*/\s*$} $expected]} {
    set expected [list {*}$expected]
  }
  Compare $name $result [string trim $expected]
}

proc do_error_test {args} {
  set db [TakeDb args]
  lassign $args name sql message code
  lassign [catchsql $sql $db] rc result
  set seen [$db errorcode]
  if {!$rc} {
    fail $name "expected the error \[$message\]" "     got: \[$result\]"
  } elseif {$code ne "" && $seen != $code} {
    fail $name "expected: code $code" "     got: code $seen, \[$result\]"
  } else {
    Compare $name $result $message
  }
}

proc do_json_test {args} {
  set db [TakeDb args]
  lassign $args name sql expected
  if {[catch {execsql $sql $db} result]} {
    fail $name "   error: $result"
  } elseif {[llength $result] != 1} {
    fail $name "expected one value, got [llength $result]: \[$result\]"
  } else {
    CompareJson $name [lindex $result 0] $expected
  }
}

proc CompareJson {name text expected} {
  set wanted [::orm::json::parse $expected]
  if {[catch {::orm::json::parse $text} tree]} {
    fail $name $tree "     got: \[$text\]"
    return
  }
  set found [::orm::json::difference $tree $wanted]
  if {$found eq ""} {
    pass $name
  } else {
    fail $name $found "expected: [::orm::json::print $wanted]" \
        "     got: $text"
  }
}

proc do_eqp_test {name sql expected} {
  if {[catch {query_plan $sql} result]} {
    fail $name "   error: $result"
    return
  }
  set expected [string trim $expected]
  if {[string match "QUERY PLAN*" $expected]} {
    regsub -all -line {^ +} $expected "" expected
    regsub -all -line {^ +} $result "" flat
    Compare $name $flat $expected
  } elseif {[string match "*$expected*" $result]} {
    pass $name
  } else {
    fail $name "expected: \[*$expected*\]" "     got: \[$result\]"
  }
}

# The plan of a statement as the sqlite3 shell draws it.
proc query_plan {sql {db db}} {
  set children [dict create]
  $db eval "EXPLAIN QUERY PLAN $sql" row {
    dict lappend children $row(parent) [list $row(id) $row(detail)]
  }
  return "QUERY PLAN[PlanLevel $children 0 ""]"
}

proc PlanLevel {children parent indent} {
  if {![dict exists $children $parent]} { return "" }
  set steps [dict get $children $parent]
  set out ""
  foreach step $steps {
    lassign $step id detail
    set last [expr {$step eq [lindex $steps end]}]
    append out "\n$indent[expr {$last ? "`--" : "|--"}]$detail"
    append out [PlanLevel $children $id \
        "$indent[expr {$last ? "   " : "|  "}]"]
  }
  return $out
}

# ------------------------------------------------------------------- helpers

proc execsql {sql {db db}} {
  return [uplevel #0 [list $db eval $sql]]
}

proc catchsql {sql {db db}} {
  set rc [catch {execsql $sql $db} result]
  return [list $rc $result]
}

proc load_orm {{db db}} {
  set library [file join $::tester(top) orm]
  if {[info exists ::env(ORM_LIB)]} { set library $::env(ORM_LIB) }
  $db enable_load_extension 1
  $db eval {SELECT load_extension($library, 'sqlite3_orm_init')}
  $db enable_load_extension 0
}

proc open_db {args} {
  set bare [expr {[lindex $args 0] eq "-bare"}]
  lassign [lrange $args $bare end] name file
  if {$file eq ""} { set file test.db }
  if {[llength [info commands $name]]} { catch {$name close} }
  uplevel #0 [list sqlite3 $name $file]
  # Nothing here survives a power cut, so nothing waits for the disk.
  catch {$name eval {PRAGMA synchronous=OFF}}
  if {!$bare} { load_orm $name }
}

proc reset_db {{file test.db}} {
  foreach name [info commands db*] { catch {$name close} }
  file delete -force {*}[glob -nocomplain $file $file-*]
  open_db db $file
}

proc seed {} {
  set value 1
  if {[info exists ::env(ORM_SEED)]} { set value $::env(ORM_SEED) }
  if {$value eq "random"} { set value [expr {[clock clicks] % 1000000007}] }
  set ::tester(seed) $value
  expr {srand($value)}
  return $value
}

proc random_int {low high} {
  return [expr {$low + int(rand() * ($high - $low + 1))}]
}

proc random_pick {list} {
  return [lindex $list [random_int 0 [expr {[llength $list] - 1}]]]
}

proc random_shuffle {list} {
  for {set i [expr {[llength $list] - 1}]} {$i > 0} {incr i -1} {
    set j [random_int 0 $i]
    set kept [lindex $list $i]
    lset list $i [lindex $list $j]
    lset list $j $kept
  }
  return $list
}

proc statements {script {db db}} {
  set ::tester(statements) {}
  $db trace_v2 ::CollectStatement statement
  set rc [catch {uplevel #0 $script} result options]
  $db trace_v2 {}
  if {$rc} { return -options $options $result }
  return $::tester(statements)
}

proc CollectStatement {id sql} {
  if {![string match {--*} $sql]} { lappend ::tester(statements) $sql }
}

proc sqlite_at_least {version} {
  return [expr {[package vcompare [sqlite3 -version] $version] >= 0}]
}

proc chinook {} {
  set file [file join $::tester(top) .. shared data chinook.db]
  return [expr {[file exists $file] ? [file normalize $file] : ""}]
}

proc json {text} {
  return [::orm::json::parse $text]
}

set ::tester(blog) {{
  "User": {"table": "users",
    "columns": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL UNIQUE",
      "name": "TEXT NOT NULL", "is_active": "BOOLEAN NOT NULL DEFAULT TRUE",
      "created_at": "DATETIME DEFAULT CURRENT_TIMESTAMP"},
    "indexes": {"ix_user_active_created": ["is_active", "created_at"]},
    "natural_key": "email",
    "relationships": {"posts": {"target": "Post", "back_populates": "author",
      "cascade": "all, delete-orphan"}}},
  "Post": {"table": "posts",
    "columns": {"id": "INTEGER PRIMARY KEY", "title": "TEXT NOT NULL",
      "content": "TEXT NOT NULL", "views": "INTEGER DEFAULT 0",
      "author_id": "INTEGER NOT NULL REFERENCES users(id)",
      "published_at": "DATETIME"},
    "indexes": {"ix_posts_author": ["author_id"]},
    "relationships": {
      "author": {"target": "User", "back_populates": "posts"},
      "tags": {"target": "Tag", "secondary": "post_tags",
        "back_populates": "posts"}}},
  "Tag": {"table": "tags",
    "columns": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL UNIQUE"},
    "natural_key": "name",
    "relationships": {"posts": {"target": "Post", "secondary": "post_tags",
      "back_populates": "tags"}}}}}

# The rows are written by plain SQL: reading is tested without writing.
proc blog {{db db}} {
  $db eval {SELECT orm_define($::tester(blog))}
  $db eval {
    INSERT INTO users(id, email, name, is_active, created_at) VALUES
      (1, 'ann@x.org', 'Ann', 1, '2026-01-01 10:00:00'),
      (2, 'bob@x.org', 'Bob', 1, '2026-01-02 10:00:00'),
      (3, 'cat@x.org', 'Cat', 0, '2026-01-03 10:00:00');
    INSERT INTO posts(id, title, content, views, author_id, published_at)
    VALUES
      (1, 'Hello', 'First words', 10, 1, '2026-02-01'),
      (2, 'SQL', 'Joins and more', 200, 1, NULL),
      (3, 'Trees', 'Of B', 30, 2, '2026-02-03'),
      (4, 'Draft', 'Later', NULL, 1, NULL);
    INSERT INTO tags(id, name) VALUES (1, 'sql'), (2, 'intro'), (3, 'unused');
    INSERT INTO post_tags SELECT 1, 2 UNION ALL SELECT 2, 1
      UNION ALL SELECT 3, 1 UNION ALL SELECT 1, 1;
  }
}

# --------------------------------------------------------------------- start

set ::tester(dir) [file join $::tester(top) build test $::tester(file)-[pid]]
if {[info exists ::env(ORM_TMP)]} {
  set ::tester(dir) [file join $::env(ORM_TMP) $::tester(file)-[pid]]
}
set ::tester(dir) [file normalize $::tester(dir)]
if {[info exists ::env(ORM_LIB)]} {
  set ::env(ORM_LIB) [file normalize $::env(ORM_LIB)]
}
file delete -force $::tester(dir)
file mkdir $::tester(dir)
cd $::tester(dir)
if {[info exists ::env(ORM_SWEEP)]} {
  source [file join $::tester(top) tests/fault/sweep.tcl]
}
reset_db
