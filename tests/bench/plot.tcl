# make bench-plot: puts the tables that were run last into docs/performance.md
# and draws docs/bench-*.svg from the tables that stand there, so that text and
# pictures never differ.
#
#   tclsh tests/bench/plot.tcl           puts and draws
#   tclsh tests/bench/plot.tcl --check   fails if a picture is not what it draws
#
# A table is the indented block below a line <!-- bench: NAME -->; what was run
# last is build/bench/out/NAME.txt (tests/bench/run writes it).
set top [file normalize [file join [file dirname [info script]] ../..]]
set page $top/docs/performance.md

proc read_file {name} {
  set f [open $name]
  fconfigure $f -encoding utf-8
  set text [read $f]
  close $f
  return $text
}
proc write_file {name text} {
  set f [open $name w]
  fconfigure $f -encoding utf-8 -translation lf
  puts -nonewline $f $text
  close $f
}

# ---------------------------------------------------------------- tables ---

set block {(<!-- bench: NAME -->\n\n)((?:    [^\n]*\n|\n(?=\n*    ))+)}

proc table {name} {
  if {![regexp [string map [list NAME $name] $::block] [read_file $::page] \
      - - text]} {
    return ""
  }
  return [regsub -all -line {^    } $text ""]
}

proc put {name text} {
  set lines {}
  foreach line [split [string trim $text \n] \n] {
    lappend lines [expr {$line eq "" ? "" : "    [string trimright $line]"}]
  }
  set old [read_file $::page]
  if {![regexp -indices [string map [list NAME $name] $::block] $old - - at]} {
    return
  }
  lassign $at first last
  write_file $::page [string replace $old $first $last [join $lines \n]\n]
}

# ---------------------------------------------------------------- pictures ---

# Groups of bars: groups is a list of {name {value label} ...}, a value from 0
# to 1 or empty; series names the bars, colors theirs.
proc bars {file title series colors groups} {
  set width 760
  set left 215
  set room [expr {$width - $left - 120}]
  set bar 13
  set y 62
  set body {}
  foreach group $groups {
    set shown [lsearch -all -inline -not [lrange $group 1 end] {}]
    set tall [expr {[llength $shown] * $bar}]
    lappend body "<text x=\"[expr {$left - 10}]\" y=\"[expr {$y + $tall / 2 +
        4}]\" text-anchor=\"end\">[escape [lindex $group 0]]</text>"
    foreach one [lrange $group 1 end] color $colors {
      if {$one eq ""} continue
      lassign $one value label
      set long [format %.1f [expr {max(1.0, $value * $room)}]]
      lappend body "<rect x=\"$left\" y=\"$y\" width=\"$long\" height=\"[expr {
          $bar - 2}]\" fill=\"$color\"/>"
      lappend body "<text class=\"n\" x=\"[format %.1f [expr {$left + $long +
          5}]]\" y=\"[expr {$y + $bar - 3}]\">[escape $label]</text>"
      incr y $bar
    }
    incr y 12
  }
  set x $left
  foreach name $series color $colors {
    if {$name eq ""} continue
    lappend body "<rect x=\"$x\" y=\"38\" width=\"11\" height=\"11\"\
        fill=\"$color\"/>" \
        "<text x=\"[expr {$x + 16}]\" y=\"48\">[escape $name]</text>"
    incr x [expr {32 + 7 * [string length $name]}]
  }
  set svg "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"$width\"\
      height=\"$y\" viewBox=\"0 0 $width $y\" font-family=\"sans-serif\"\
      font-size=\"12\" fill=\"#222\">
<title>[escape $title]</title>
<style>.n { font-size: 10px; fill: #555 }</style>
<rect width=\"$width\" height=\"$y\" fill=\"#fff\"/>
<text x=\"12\" y=\"22\" font-size=\"14\">[escape $title]</text>
[join $body \n]
</svg>
"
  lappend ::drawn $file
  set file $::top/docs/$file
  if {!$::check} {
    write_file $file $svg
  } elseif {![file exists $file] || [read_file $file] ne $svg} {
    puts "! $file is not what the tables give: make bench-plot"
    set ::bad 1
  }
}
proc escape {text} { string map {& &amp; < &lt; > &gt;} $text }

# Milliseconds, beside each other: every group has a scale of its own.
proc draw_sql {} {
  set groups {}
  foreach line [split [table 1000] \n] {
    if {![regexp {^(.{30}) +([\d.]+) +([\d.]+) +([\d.]+) } $line \
        - name floor sql orm]} continue
    set most [expr {max($floor, $sql, $orm)}]
    set group [list [string trim $name]]
    foreach t [list $floor $sql $orm] {
      lappend group [list [expr {$t / $most}] "$t ms"]
    }
    lappend groups $group
  }
  bars bench-sql.svg "1,000 users, 10,000 posts: milliseconds, less is better" \
      {{rows stepped, no JSON} {best SQL} orm} {#b8b8b8 #d98c5f #3f7fbf} $groups
}

# How many times as long as orm, on a scale of powers of ten.
proc draw_peers {} {
  set order {}
  foreach line [split [table peers] \n] {
    if {[regexp {^(\S+) \S+, SQLite} $line - peer]} {
      lappend peers $peer
    } elseif {[regexp {^(.{31}) +[\d.]+ +[\d.]+ +([\d.]+)x} $line \
        - name ratio]} {
      set name [string trim $name]
      if {$name ni $order} { lappend order $name }
      set at($name,$peer) $ratio
    }
  }
  if {![info exists peers]} return
  set groups {}
  foreach name $order {
    set group [list $name]
    foreach peer $peers {
      set r $at($name,$peer)
      lappend group [list [expr {max(0, log10($r) / 2.7)}] "$r times"]
    }
    lappend groups $group
  }
  bars bench-peers.svg "The time of other ORMs, in times of orm's with JSON\
      parsed or made (logarithmic)" $peers {#7f9f4f #4f8f7f #d98c5f #8f6fbf} \
      $groups
}

# Nanoseconds an object, as the file grows.
proc draw_scale {} {
  set order {}
  set sizes {}
  foreach line [split [table rows] \n] {
    if {![regexp {^ *(\d+)  (.{29}) +[\d.]+ +([\d.]+) } $line - n name ns]} {
      continue
    }
    set name [string trim $name]
    if {$name ni $order} { lappend order $name }
    if {$n ni $sizes} { lappend sizes $n }
    set at($name,$n) $ns
  }
  set groups {}
  foreach name $order {
    set most 1
    foreach n $sizes { set most [expr {max($most, $at($name,$n))}] }
    set group [list $name]
    foreach n $sizes {
      lappend group [list [expr {double($at($name,$n)) / $most}] \
          "$at($name,$n) ns"]
    }
    lappend groups $group
  }
  set series {}
  foreach n $sizes {
    while {[regsub {^(\d+)(\d{3})} $n {\1,\2} n]} {}
    lappend series "$n users"
  }
  bars bench-scale.svg "Nanoseconds an object, as the file grows" $series \
      {#bfd7ef #7fafdf #3f7fbf #1f4f7f} $groups
}

set check [expr {"--check" in $argv}]
set bad 0
set drawn {}
if {!$check} {
  foreach file [lsort [glob -nocomplain $top/build/bench/out/*.txt]] {
    put [file rootname [file tail $file]] [read_file $file]
  }
}
draw_sql
draw_peers
draw_scale
puts [expr {$bad ? "1 failed" : "docs: [join $drawn {, }]"}]
exit $bad
