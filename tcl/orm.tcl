# The Tcl package `orm`: objects as dicts, collections as lists.
#
#   package require sqlite3
#   package require orm
#   sqlite3 db blog.db
#   orm::load db
#   set user [orm::get db User 1 posts]
#   foreach post [dict get $user posts] { puts [dict get $post title] }
#
# docs/tcl.md shows all commands.  A Tcl value has no type of its own, so the
# models of the file decide: what a dict becomes in JSON, and what JSON becomes
# in Tcl, follows the type of each field and the target of each relationship.
#
#   text date datetime  text                 boolean      1 or 0
#   integer real decimal  the number         blob         the bytes
#   json                JSON text            NULL         $orm::null
#   to-one              a dict (written also: a key)
#   to-many             a list of dicts (written also: keys, or {$add .. $remove
#                       .. $set .. $delete ..})

package require Tcl 8.6
package require orm::json

namespace eval ::orm {
  # What NULL is in Tcl.  The default is one character that is in no data, so
  # that an object which was read can be saved unchanged.
  variable null \u2400
  variable home [file dirname [file normalize [info script]]]
  # Connection -> {stamp .. models ..}; see Look.
  variable schemas [dict create]
  variable operators {eq ne lt lte gt gte in not_in between like not_like ilike
    glob contains startswith endswith is_null distinct_from}
  variable parts {where order_by limit offset after before select omit include
    deleted _count _sum _avg _min _max group_by aggregate having total}
  variable summaries {_count _sum _avg _min _max _created}
}

# ------------------------------------------------------------------- commands

# Load the extension into a connection: the file given, or the one beside this
# package, or where `make install` put it.
proc ::orm::load {db {library {}}} {
  variable home
  if {$library eq ""} {
    set suffix [info sharedlibextension]
    set library orm
    foreach place [list ../orm ../../../sqlite3/orm ../../sqlite3/orm] {
      set file [file normalize [file join $home $place]]
      if {[file exists $file$suffix]} {
        set library $file
        break
      }
    }
  }
  $db enable_load_extension 1
  set rc [catch {
    $db eval {SELECT load_extension($library, 'sqlite3_orm_init')}
  } message]
  $db enable_load_extension 0
  if {$rc} { return -code error "orm: cannot load $library: $message" }
}

# The object of a key as a dict, or {} if there is none.
proc ::orm::get {db model key {query {}}} {
  Look $db
  return [Read $db $model orm_get [list [KeyText $db $model $key]] $query]
}

proc ::orm::all {db model {query {}}} {
  Look $db
  return [Read $db $model orm_all {} $query]
}

proc ::orm::first {db model {query {}}} {
  Look $db
  return [Read $db $model orm_first {} $query]
}

proc ::orm::one {db model {query {}}} {
  Look $db
  return [Read $db $model orm_one {} $query]
}

proc ::orm::one_or_none {db model {query {}}} {
  Look $db
  return [Read $db $model orm_one_or_none {} $query]
}

proc ::orm::count {db model {query {}}} {
  Look $db
  return [Call $db orm_count [list $model] [QueryText $db $model $query]]
}

proc ::orm::exists {db model {query {}}} {
  Look $db
  return [Call $db orm_exists [list $model] [QueryText $db $model $query]]
}

# A page as the dict {items page_info ?total?}.
proc ::orm::page {db model {query {}}} {
  Look $db
  set text [Call $db orm_page [list $model] [QueryText $db $model $query]]
  return [Page $db $model [lindex [json::parse $text] 1]]
}

# Run a script for each object, with memory for one of them.
proc ::orm::each {db model query variable script} {
  Look $db
  upvar 1 $variable object
  set query [QueryText $db $model $query]
  if {$query eq ""} { set query "{}" }
  $db eval {SELECT object AS text FROM orm_object($model, $query)} row {
    set object [FromTree $db $model [json::parse $row(text)]]
    set rc [catch {uplevel 1 $script} result options]
    if {$rc == 3} break
    if {$rc == 4 || $rc == 0} continue
    dict incr options -level
    return -options $options $result
  }
  return
}

proc ::orm::create {db model object {query {}}} {
  Look $db
  return [Read $db $model orm_create [list [ObjectText $db $model $object]] \
      $query]
}

# Merge by key or natural key; the dict given back holds _created, 1 or 0.
proc ::orm::save {db model object {query {}}} {
  Look $db
  return [Read $db $model orm_save [list [ObjectText $db $model $object]] \
      $query]
}

# The changed object, or {} if there is none.
proc ::orm::update {db model key changes {query {}}} {
  Look $db
  return [Read $db $model orm_update [list [KeyText $db $model $key] \
      [ObjectText $db $model $changes]] $query]
}

proc ::orm::delete {db model key} {
  Look $db
  return [Call $db orm_delete [list $model [KeyText $db $model $key]]]
}

proc ::orm::create_many {db model objects} {
  Look $db
  return [Call $db orm_create_many [list $model [Objects $db $model $objects]]]
}

proc ::orm::save_many {db model objects} {
  Look $db
  return [Call $db orm_save_many [list $model [Objects $db $model $objects]]]
}

proc ::orm::update_many {db model query changes} {
  Look $db
  set query [QueryText $db $model $query]
  if {$query eq ""} { set query "{}" }
  return [Call $db orm_update_many [list $model $query \
      [ObjectText $db $model $changes]]]
}

proc ::orm::delete_many {db model query} {
  Look $db
  set query [QueryText $db $model $query]
  if {$query eq ""} { set query "{}" }
  return [Call $db orm_delete_many [list $model $query]]
}

# ------------------------------------------------------- calls of the extension

# SELECT name(arguments...), with one more argument if it is not empty.
proc ::orm::Call {db name arguments {last {}}} {
  if {$last ne ""} { lappend arguments $last }
  set marks {}
  set n 0
  foreach argument $arguments {
    set a($n) $argument
    lappend marks \$a($n)
    incr n
  }
  return [lindex [$db eval "SELECT $name\([join $marks ,])"] 0]
}

proc ::orm::Read {db model name arguments query} {
  set text [Call $db $name [list $model {*}$arguments] \
      [QueryText $db $model $query]]
  # What was loaded may be NULL, which the connection may show as anything.
  if {$text eq "" || $text eq [$db nullvalue]} return
  return [FromTree $db $model [json::parse $text]]
}

# ------------------------------------------------------------------ the models

# Every command looks once whether what is known of its connection's models
# still holds, and reads them anew if not.  The stamp is what they come from:
# the token of the metadata, a chain hash, and the tables' own texts.  (The
# number of the schema would say less: after a rollback it comes again with
# another schema, and another file under the same name may have it too.)
proc ::orm::Look {db} {
  variable schemas
  set connection [namespace which -command $db]
  if {[catch {$db onecolumn {
    SELECT coalesce((SELECT token FROM main.orm_state WHERE id=1)
        || group_concat(sql, char(10)), '') FROM main.sqlite_schema
    WHERE type IN ('table', 'view')
  }} stamp]} {
    # A file without models: the extension says so.
    $db eval {SELECT orm_schema()}
    return -code error $stamp
  }
  if {![dict exists $schemas $connection]} {
    trace add command $connection delete [list ::orm::Forget $connection]
  } elseif {$stamp ne "" && [dict get $schemas $connection stamp] eq $stamp} {
    return
  }
  dict set schemas $connection [dict create stamp $stamp models [Models $db]]
}

proc ::orm::Forget {connection args} {
  variable schemas
  dict unset schemas $connection
}

# The models as a dict of name -> {types targets many key}: the type of each
# field, "" where the extension infers none, the target of each relationship,
# which of them are to-many, and the fields of the key.
proc ::orm::Models {db} {
  set schema [json::parse [$db onecolumn {SELECT orm_schema()}]]
  set models [dict create]
  dict for {name model} [lindex $schema 1] {
    dict set models $name [Model $db [lindex $model 1]]
  }
  return $models
}

proc ::orm::Model {db model} {
  set table [string map {\" \"\"} [lindex [dict get $model table] 1]]
  set types [dict create]
  $db eval "PRAGMA main.table_xinfo(\"$table\")" row {
    dict set types $row(name) ""
  }
  dict for {field options} [lindex [dict get $model fields] 1] {
    set options [lindex $options 1]
    if {[dict exists $options type]} {
      dict set types $field [lindex [dict get $options type] 1]
    }
  }
  lassign [dict get $model primary_key] kind key
  if {$kind eq "array"} {
    set key [lmap name $key {lindex $name 1}]
  } else {
    set key [list $key]
  }
  set targets [dict create]
  set many {}
  if {[dict exists $model relationships]} {
    dict for {name options} [lindex [dict get $model relationships] 1] {
      set options [lindex $options 1]
      dict set targets $name [lindex [dict get $options target] 1]
      if {[string match *_to_many [lindex [dict get $options direction] 1]]} {
        lappend many $name
      }
    }
  }
  return [dict create types $types targets $targets many $many key $key]
}

# What is known of a model; of an unknown one nothing, and the extension, which
# gets the call next, says so.
proc ::orm::Known {db model} {
  variable schemas
  set connection [namespace which -command $db]
  if {[dict exists $schemas $connection models $model]} {
    return [dict get $schemas $connection models $model]
  }
  return [dict create types {} targets {} many {} key {}]
}

# ----------------------------------------------------------------- JSON to Tcl

proc ::orm::FromTree {db model tree} {
  lassign $tree type value
  switch -- $type {
    array { return [lmap one $value {FromTree $db $model $one}] }
    object {
      set known [Known $db $model]
      set out [dict create]
      dict for {name child} $value {
        dict set out $name [FromMember $db $known $name $child]
      }
      return $out
    }
  }
  return [FromScalar "" $tree]
}

proc ::orm::FromMember {db known name tree} {
  variable null
  if {[dict exists $known types $name]} {
    return [FromScalar [dict get $known types $name] $tree]
  }
  if {[dict exists $known targets $name]} {
    return [FromTree $db [dict get $known targets $name] $tree]
  }
  return [json::value $tree $null]
}

proc ::orm::FromScalar {type tree} {
  variable null
  lassign $tree kind value
  if {$type eq "json"} {
    if {$kind eq "null"} { return $null }
    return [json::print $tree]
  }
  if {$kind eq "null"} { return $null }
  if {$type eq "blob" && $kind eq "string"
      && ![catch {binary decode base64 -strict $value} bytes]} {
    return $bytes
  }
  return [json::value $tree $null]
}

proc ::orm::Page {db model page} {
  set out [dict create]
  dict for {name tree} $page {
    if {$name eq "items"} {
      dict set out items [FromTree $db $model $tree]
    } else {
      dict set out $name [json::value $tree $orm::null]
    }
  }
  return $out
}

# ----------------------------------------------------------------- Tcl to JSON

proc ::orm::ObjectText {db model object} {
  if {[IsJson $object]} { return $object }
  return [Object $db $model $object]
}

proc ::orm::Objects {db model objects} {
  if {[regexp {^\s*\[\s*[\{\]]} $objects]} { return $objects }
  return "\[[join [lmap one $objects {ObjectText $db $model $one}] ,]\]"
}

# JSON text is passed on as it is.  What begins like an object is one, unless
# it reads as a list whose first element is empty or begins with a quote: then
# all of it decides.
proc ::orm::IsJson {text} {
  if {![regexp {^\s*\{\s*["\}]} $text]} { return 0 }
  if {![IsList $text] || [llength $text] < 2} { return 1 }
  return [expr {![catch {json::parse $text}]}]
}

proc ::orm::Object {db model object} {
  variable summaries
  if {[catch {dict size $object}]} {
    return -code error "orm: $model: not a dict: $object"
  }
  set known [Known $db $model]
  set members {}
  dict for {name value} $object {
    if {$name in $summaries && ![dict exists $known types $name]} continue
    if {[dict exists $known types $name]} {
      set text [Field [dict get $known types $name] $value]
    } elseif {[dict exists $known targets $name]} {
      set target [dict get $known targets $name]
      if {$name in [dict get $known many]} {
        set text [Collection $db $target $value]
      } else {
        set text [Member $db $target $value]
      }
    } else {
      set text [Guess $value]
    }
    lappend members "[json::quote $name]:$text"
  }
  return "\{[join $members ,]\}"
}

# A field's value; {$inc 1} and its like stay words of the extension.
proc ::orm::Field {type value} {
  if {$type in {integer real decimal ""} && [IsList $value]
      && [llength $value] == 2 && [string match {$*} [lindex $value 0]]} {
    return "\{[json::quote [lindex $value 0]]:[Guess [lindex $value 1]]\}"
  }
  return [Scalar $type $value]
}

proc ::orm::Scalar {type value} {
  variable null
  if {$value eq $null} { return null }
  switch -- $type {
    json { return $value }
    blob { return [json::quote [binary encode base64 $value]] }
    text { return [json::quote $value] }
    boolean {
      if {[string is boolean -strict $value]} {
        return [expr {$value ? "true" : "false"}]
      }
    }
  }
  return [Guess $value]
}

# A number if it is written as JSON writes them, else text.
proc ::orm::Guess {value} {
  variable null
  if {$value eq $null} { return null }
  if {[regexp {^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$} $value]} {
    return $value
  }
  return [json::quote $value]
}

proc ::orm::IsList {value} { return [string is list $value] }

# A related object, its key, or nothing.
proc ::orm::Member {db target value} {
  variable null
  if {$value eq $null || $value eq ""} { return null }
  if {[IsJson $value]} { return $value }
  if {[IsObject $db $target $value]} { return [Object $db $target $value] }
  return [Key $db $target $value]
}

# Is a value a dict whose first key is a name of the model?
proc ::orm::IsObject {db model value} {
  if {![IsList $value] || [llength $value] < 2 || [llength $value] % 2} {
    return 0
  }
  set known [Known $db $model]
  set name [lindex $value 0]
  return [expr {[dict exists $known types $name]
      || [dict exists $known targets $name]}]
}

proc ::orm::Collection {db target value} {
  variable null
  if {$value eq $null} { return null }
  if {[string match {$*} [lindex $value 0]]} {
    set members {}
    dict for {word list} $value {
      lappend members "[json::quote $word]:[Collection $db $target $list]"
    }
    return "\{[join $members ,]\}"
  }
  return "\[[join [lmap one $value {Member $db $target $one}] ,]\]"
}

# A key as JSON: a scalar, a list in the key's order, or a dict of fields; what
# is as long as the key is the list, whatever its values.
proc ::orm::Key {db model key} {
  set known [Known $db $model]
  set fields [dict get $known key]
  set types [dict get $known types]
  if {[llength $fields] > 1 && [IsList $key]
      && [llength $key] == [llength $fields]} {
    return "\[[join [lmap field $fields part $key {
      Scalar [dict get $types $field] $part
    }] ,]\]"
  }
  if {[IsFields $types $key]} { return [Object $db $model $key] }
  set field [lindex $fields 0]
  if {[dict exists $types $field]} {
    return [Scalar [dict get $types $field] $key]
  }
  return [Guess $key]
}

proc ::orm::IsFields {types value} {
  if {![IsList $value] || [llength $value] < 2 || [llength $value] % 2} {
    return 0
  }
  foreach {name -} $value {
    if {![dict exists $types $name]} { return 0 }
  }
  return 1
}

# A key as the functions take it: the scalar itself, or JSON text.
proc ::orm::KeyText {db model key} {
  if {[IsJson $key]} { return $key }
  set text [Key $db $model $key]
  if {[string match {[[\{]*} $text]} { return $text }
  return $key
}

# --------------------------------------------------------------------- queries

# A query as the functions take it: include paths and JSON as they are, a dict
# turned into JSON.
proc ::orm::QueryText {db model query} {
  variable parts
  if {[IsJson $query] || ![IsList $query] || [llength $query] % 2
      || [lindex $query 0] ni $parts} {
    return $query
  }
  return [Query $db $model $query]
}

proc ::orm::Query {db model query} {
  set known [Known $db $model]
  set members {}
  dict for {part value} $query {
    switch -- $part {
      where   { set text [Where $db $model $value] }
      include { set text [Include $db $known $value] }
      order_by - select - omit - group_by - _count {
        set text "\[[join [lmap one $value {Word $one}] ,]\]"
      }
      _sum - _avg - _min - _max - aggregate - having {
        set text [Words $value]
      }
      after - before { set text [json::quote $value] }
      deleted - total - recursive {
        set text [expr {[string is boolean -strict $value]
            ? ($value ? "true" : "false") : [json::quote $value]}]
      }
      default { set text [Guess $value] }
    }
    lappend members "[json::quote $part]:$text"
  }
  return "\{[join $members ,]\}"
}

# One word of a list: a name, or JSON where a dict is wanted.
proc ::orm::Word {value} {
  if {[IsJson $value]} { return $value }
  if {[IsList $value] && [llength $value] > 1} { return [Words $value] }
  return [json::quote $value]
}

proc ::orm::Words {value} {
  if {[IsJson $value]} { return $value }
  set members {}
  dict for {name one} $value {
    if {[IsList $one] && [llength $one] > 1 && [llength $one] % 2 == 0} {
      set text [Words $one]
    } elseif {[string is boolean -strict $one]
        && ![string is integer -strict $one]} {
      set text [expr {$one ? "true" : "false"}]
    } else {
      set text [Guess $one]
    }
    lappend members "[json::quote $name]:$text"
  }
  return "\{[join $members ,]\}"
}

# Paths as a string, or a dict of relationship -> query (1 for all of it).
proc ::orm::Include {db known include} {
  if {[IsJson $include]} { return $include }
  set targets [dict get $known targets]
  if {[llength $include] < 2 || [llength $include] % 2
      || [lindex $include 1] eq "" || [dict exists $targets [lindex $include 1]]
      || ![dict exists $targets [lindex $include 0]]} {
    return [json::quote $include]
  }
  set members {}
  dict for {name query} $include {
    if {$query in {1 true}} {
      set text true
    } elseif {[IsJson $query]} {
      set text $query
    } elseif {[dict exists $targets $name]} {
      set text [Query $db [dict get $targets $name] $query]
    } else {
      set text [Words $query]
    }
    lappend members "[json::quote $name]:$text"
  }
  return "\{[join $members ,]\}"
}

proc ::orm::Where {db model where} {
  variable null
  if {$where eq $null} { return null }
  if {[IsJson $where]} { return $where }
  set known [Known $db $model]
  set members {}
  dict for {name value} $where {
    if {[dict exists $known types $name]} {
      set text [Condition [dict get $known types $name] \
          [dict get $known types] $value]
    } elseif {[dict exists $known targets $name]} {
      set text [Related $db [dict get $known targets $name] \
          [expr {$name in [dict get $known many]}] $value]
    } elseif {$name in {and or}} {
      set text "\[[join [lmap one $value {Where $db $model $one}] ,]\]"
    } elseif {$name eq "not"} {
      set text [Where $db $model $value]
    } elseif {$name eq "_count"} {
      set text [Words $value]
    } else {
      set text [Condition "" [dict get $known types] $value]
    }
    lappend members "[json::quote $name]:$text"
  }
  return "\{[join $members ,]\}"
}

proc ::orm::Related {db target many value} {
  if {!$many} { return [Where $db $target $value] }
  set members {}
  dict for {word where} $value {
    lappend members "[json::quote $word]:[Where $db $target $where]"
  }
  return "\{[join $members ,]\}"
}

# A value to be equal to, or a dict of operators.
proc ::orm::Condition {type types value} {
  variable operators
  if {![IsList $value] || [llength $value] < 2 || [llength $value] % 2} {
    return [Scalar $type $value]
  }
  foreach {word -} $value {
    if {$word ni $operators} { return [Scalar $type $value] }
  }
  set members {}
  foreach {word operand} $value {
    if {$word in {in not_in between}} {
      set text "\[[join [lmap one $operand {Scalar $type $one}] ,]\]"
    } elseif {$word eq "is_null"} {
      set text [Scalar boolean $operand]
    } elseif {[IsList $operand] && [llength $operand] == 2
        && [lindex $operand 0] eq "field"
        && [dict exists $types [lindex $operand 1]]} {
      set text [Words $operand]
    } else {
      set text [Scalar $type $operand]
    }
    lappend members "[json::quote $word]:$text"
  }
  return "\{[join $members ,]\}"
}

package provide orm 0.1.0
