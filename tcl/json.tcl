# A strict JSON reader (RFC 8259) in plain Tcl.
#
#   orm::json::parse TEXT     the document as a typed tree, or an error that
#                             names the position
#   orm::json::parse_many T   a list of trees: documents one after another
#   orm::json::same A B       1 if two trees mean the same: object keys in any
#                             order, numbers by value
#   orm::json::difference A B the path and the two values where they first
#                             differ, or an empty string
#   orm::json::print TREE     the tree as compact JSON text
#   orm::json::quote TEXT     a JSON string
#   orm::json::value TREE ?NULL?  plain Tcl: dict, list or scalar
#
# A tree is a list of a type and a value: {object {key tree key tree ...}},
# {array {tree ...}}, {string text}, {number text}, {true 1}, {false 0} and
# {null {}}.  Duplicate keys of an object are an error: what orm prints never
# has any.

package require Tcl 8.6
namespace eval ::orm::json {
  variable maxDepth 2000
}

proc ::orm::json::parse {text} {
  set i 0
  set tree [Value $text i 0]
  Space $text i
  if {$i < [string length $text]} { Fail $text $i "end of text" }
  return $tree
}

proc ::orm::json::parse_many {text} {
  set i 0
  set trees {}
  Space $text i
  while {$i < [string length $text]} {
    lappend trees [Value $text i 0]
    Space $text i
  }
  return $trees
}

proc ::orm::json::Fail {text i expected} {
  set seen [string range $text $i $i+15]
  if {$seen eq ""} { set seen "the end" }
  return -code error "JSON: at character $i: expected $expected, found $seen"
}

proc ::orm::json::Space {text iVar} {
  upvar 1 $iVar i
  if {[regexp -indices -start $i {\A[ \t\n\r]+} $text span]} {
    set i [expr {[lindex $span 1] + 1}]
  }
}

proc ::orm::json::Value {text iVar depth} {
  upvar 1 $iVar i
  variable maxDepth
  if {$depth > $maxDepth} { Fail $text $i "less depth than $maxDepth" }
  Space $text i
  switch -- [string index $text $i] {
    "\{" { return [Object $text i $depth] }
    "\[" { return [Array $text i $depth] }
    "\"" { return [list string [String $text i]] }
  }
  foreach {word value} {true 1 false 0 null {}} {
    set end [expr {$i + [string length $word]}]
    if {[string range $text $i $end-1] eq $word} {
      set i $end
      return [list $word $value]
    }
  }
  set number {\A-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?}
  if {![regexp -indices -start $i $number $text span]} {
    Fail $text $i "a value"
  }
  set i [expr {[lindex $span 1] + 1}]
  return [list number [string range $text {*}$span]]
}

proc ::orm::json::Object {text iVar depth} {
  upvar 1 $iVar i
  set members [dict create]
  incr i
  Space $text i
  if {[string index $text $i] eq "\}"} {
    incr i
    return [list object {}]
  }
  while 1 {
    Space $text i
    if {[string index $text $i] ne "\""} { Fail $text $i "a key" }
    set start $i
    set key [String $text i]
    if {[dict exists $members $key]} { Fail $text $start "a new key" }
    Space $text i
    if {[string index $text $i] ne ":"} { Fail $text $i "a colon" }
    incr i
    dict set members $key [Value $text i [expr {$depth + 1}]]
    Space $text i
    set next [string index $text $i]
    if {$next ni {"," "\}"}} { Fail $text $i "a comma or a brace" }
    incr i
    if {$next eq "\}"} { return [list object $members] }
  }
}

proc ::orm::json::Array {text iVar depth} {
  upvar 1 $iVar i
  set elements {}
  incr i
  Space $text i
  if {[string index $text $i] eq "\]"} {
    incr i
    return [list array {}]
  }
  while 1 {
    lappend elements [Value $text i [expr {$depth + 1}]]
    Space $text i
    set next [string index $text $i]
    if {$next ni {"," "\]"}} { Fail $text $i "a comma or a bracket" }
    incr i
    if {$next eq "\]"} { return [list array $elements] }
  }
}

proc ::orm::json::String {text iVar} {
  upvar 1 $iVar i
  set string {\A"((?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*)"}
  if {![regexp -indices -start $i $string $text span inner]} {
    Fail $text $i "a string"
  }
  set i [expr {[lindex $span 1] + 1}]
  set raw [string range $text {*}$inner]
  if {[string first "\\" $raw] < 0} { return $raw }
  return [Unescape $raw]
}

# Tcl 8.6 keeps characters above U+FFFF as surrogate pairs, as JSON does.
proc ::orm::json::Unescape {raw} {
  set out ""
  set i 0
  while {[set j [string first "\\" $raw $i]] >= 0} {
    append out [string range $raw $i $j-1]
    set c [string index $raw $j+1]
    if {$c eq "u"} {
      append out [format %c [scan [string range $raw $j+2 $j+5] %x]]
      set i [expr {$j + 6}]
    } else {
      append out [string map {b \b f \f n \n r \r t \t} $c]
      set i [expr {$j + 2}]
    }
  }
  return $out[string range $raw $i end]
}

proc ::orm::json::quote {text} {
  set map {"\"" "\\\"" "\\" "\\\\" "\b" "\\b" "\f" "\\f" "\n" "\\n"
    "\r" "\\r" "\t" "\\t"}
  set text [string map $map $text]
  if {[regexp {[\u0000-\u001f]} $text]} {
    for {set i 0} {$i < 32} {incr i} {
      lappend controls [format %c $i] [format {\u%04x} $i]
    }
    set text [string map $controls $text]
  }
  return "\"$text\""
}

proc ::orm::json::print {tree} {
  lassign $tree type value
  switch -- $type {
    object {
      set parts {}
      dict for {key child} $value {
        lappend parts "[quote $key]:[print $child]"
      }
      return "\{[join $parts ,]\}"
    }
    array   { return "\[[join [lmap child $value {print $child}] ,]\]" }
    string  { return [quote $value] }
    number  { return $value }
    default { return $type }
  }
}

# Objects become dicts, arrays lists; NULL is what null becomes.
proc ::orm::json::value {tree {null {}}} {
  lassign $tree type value
  switch -- $type {
    object {
      set out [dict create]
      dict for {key child} $value { dict set out $key [value $child $null] }
      return $out
    }
    array   { return [lmap child $value {value $child $null}] }
    null    { return $null }
    default { return $value }
  }
}

proc ::orm::json::same {a b} {
  return [expr {[difference $a $b] eq ""}]
}

proc ::orm::json::difference {a b {path {$}}} {
  lassign $a typeA valueA
  lassign $b typeB valueB
  if {$typeA ne $typeB} {
    return "$path: [Short $a] is not [Short $b]"
  }
  switch -- $typeA {
    object { return [ObjectDifference $valueA $valueB $path] }
    array {
      if {[llength $valueA] != [llength $valueB]} {
        return "$path: [llength $valueA] elements,\
            not [llength $valueB]: [Short $a] is not [Short $b]"
      }
      set i 0
      foreach childA $valueA childB $valueB {
        set found [difference $childA $childB "$path\[$i\]"]
        if {$found ne ""} { return $found }
        incr i
      }
      return ""
    }
    number { set equal [NumberSame $valueA $valueB] }
    default { set equal [expr {$valueA eq $valueB}] }
  }
  if {$equal} { return "" }
  return "$path: [Short $a] is not [Short $b]"
}

proc ::orm::json::ObjectDifference {a b path} {
  dict for {key child} $a {
    if {![dict exists $b $key]} { return "$path.$key: not expected" }
    set found [difference $child [dict get $b $key] "$path.$key"]
    if {$found ne ""} { return $found }
  }
  foreach key [dict keys $b] {
    if {![dict exists $a $key]} { return "$path.$key: missing" }
  }
  return ""
}

# Integers compare exactly, whatever their size; 1, 1.0 and 1e0 are the same.
proc ::orm::json::NumberSame {a b} {
  if {$a eq $b} { return 1 }
  if {[regexp {^-?[0-9]+$} $a] && [regexp {^-?[0-9]+$} $b]} {
    return [expr {$a == $b}]
  }
  return [expr {[Double $a] == [Double $b]}]
}

# 9e999 stands for infinity in what orm prints; Tcl calls that too large.
proc ::orm::json::Double {text} {
  if {[catch {expr {double($text)}} d]} {
    return [expr {[string match -* $text] ? "-Inf" : "Inf"}]
  }
  return $d
}

proc ::orm::json::Short {tree} {
  set text [print $tree]
  if {[string length $text] > 300} {
    set text "[string range $text 0 296]..."
  }
  return $text
}

package provide orm::json 0.1
