# Keeps the house style where a program can see it (`make format-check`).
#
# Every source file: no tabs, no trailing blanks, no carriage returns, a last
# newline, 80 columns (the pages of docs/ aside).  C in SQLite's manner: two
# spaces a level, `if( x ){`, no function over 100 lines, no C file over
# 800.

package require Tcl 8.6
set top [file dirname [file dirname [file normalize [info script]]]]
set complaints 0

proc complain {file line what} {
  puts "$file:$line: $what"
  incr ::complaints
}

proc read_file {file} {
  set channel [open $file r]
  fconfigure $channel -encoding utf-8 -translation lf
  set text [read $channel]
  close $channel
  return $text
}

proc check_text {file text} {
  if {[string index $text end] ne "\n"} {
    complain $file end "no newline at the end"
  }
  set n 0
  foreach line [split $text \n] {
    incr n
    if {[string first \t $line] >= 0 && ![string match *Makefile $file]} {
      complain $file $n "a tab"
    }
    if {[regexp {[ \r]$} $line] && ![string match *.md $file]} {
      complain $file $n "a blank at the end"
    }
    if {[string length $line] > 80 && [regexp {\.[ch]$|Makefile$} $file]} {
      complain $file $n "[string length $line] columns"
    }
  }
}

# The text with what comments and literals hold blanked out, lines kept.
proc code_only {text} {
  set token {/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'}
  set out ""
  set at 0
  foreach span [regexp -all -inline -indices $token $text] {
    lassign $span from to
    append out [string range $text $at $from-1]
    regsub -all {[^\n]} [string range $text $from $to] "_" blank
    append out $blank
    set at [expr {$to + 1}]
  }
  return $out[string range $text $at end]
}

proc check_c {file text} {
  set n 0
  set opened 0
  foreach line [split [code_only $text] \n] {
    incr n
    if {[regexp {\m(if|for|while|switch) \(} $line]} {
      complain $file $n "a blank before ("
    }
    if {[regexp {\) \{} $line] && ![regexp {=} $line]} {
      complain $file $n "a blank in ) \{"
    }
    if {[regexp {\melse \{|\} else} $line]} {
      complain $file $n "else with blanks"
    }
    if {[regexp {^( +)[a-z_]} $line -> indent]
        && [string length $indent] == 1} {
      complain $file $n "one blank of indentation"
    }
    # A function's body opens on a line that ends in a parenthesis and an
    # opening brace, and closes with a brace in column 0.
    if {[regexp {^([^ #].*)?\)\{\s*$} $line]} {
      set opened $n
    } elseif {[string index $line 0] eq "\}" && $opened} {
      if {$n - $opened > 100} {
        complain $file $opened "a function of [expr {$n - $opened}] lines"
      }
      set opened 0
    }
  }
  if {$n > 801 && [string match *.c $file]} {
    complain $file $n "a file of $n lines: two subjects?"
  }
}

cd $top
set files {}
foreach pattern {Makefile .ci/* include/*.h ext/*.[ch] ext/*/*.[ch] tcl/*
    tests/*.test tests/*/* docs/*.md *.md} {
  lappend files {*}[lsort [glob -nocomplain -type f $pattern]]
}
foreach file $files {
  set text [read_file $file]
  if {[string first \0 $text] >= 0} continue
  check_text $file $text
  if {[string match ext/*.c $file] || [string match ext/*.h $file]} {
    check_c $file $text
  }
}
puts "[llength $files] files, $complaints complaints"
exit [expr {$complaints > 0}]
