/*
** The whole house on a page: what each room of ext/ offers to the others, in
** the order of the layers.  A call goes down this page, or up it to read, and
** never the other way round at run time:
**
**     orm.c      entry point: the one table of all that is registered
**     sql/       what SQL can call: arguments in, results out, no logic
**     write/     object graph -> ordered row writes; cascades; enforcement
**     read/      query document -> checked plan -> SQL -> objects as JSON
**     catalog/   models, fields, relationships: load, infer, define, check
**     core/      JSON, SQL text, statements, errors, memory
**
** Conventions that hold everywhere:
**
**   Errors are sticky.  Work carries an OrmErr; after the first failure every
**   helper that takes it (or an object that points at it) does nothing and
**   gives 0, so callers run straight on and look once, at the end.
**
**   Memory is sqlite3_malloc64 and its family only.  What belongs to one call
**   or one cached thing lives in its OrmArena and goes with it.
**
**   All state hangs off the connection's Orm.  Nothing is global.
**
**   A model lives in schema "main": every table name in generated SQL is
**   written "main".<quoted name>, and names reach SQL only by ormBufName().
*/
#ifndef ORM_INT_H
#define ORM_INT_H

#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
# define _DEFAULT_SOURCE 1                 /* madvise(), in core/buf.c        */
#endif
#ifdef SQLITE_CORE
# include "sqlite3.h"
#else
# include "sqlite3ext.h"
#endif
#ifndef ORM_ENTRY_POINT
# ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
# endif
#endif
#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "../include/orm.h"

typedef sqlite3_int64 i64;
typedef sqlite3_uint64 u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;

#define ORM_UNUSED(x) ((void)(x))
#define ORM_COUNT(a)  ((int)(sizeof(a)/sizeof((a)[0])))

/* Branches that cannot be taken (ALWAYS, NEVER in SQLite): an assert in debug
** builds, a constant for coverage builds, a cheap guard in release builds. */
#if defined(ORM_COVERAGE)
# define ORM_NEVER(x)  ((void)sizeof((x) ? 1 : 0), 0)
# define ORM_ALWAYS(x) ((void)sizeof((x) ? 1 : 0), 1)
#elif !defined(NDEBUG)
# define ORM_NEVER(x)  ((x) ? (assert(0), 1) : 0)
# define ORM_ALWAYS(x) ((x) ? 1 : (assert(0), 0))
#else
# define ORM_NEVER(x)  (x)
# define ORM_ALWAYS(x) (x)
#endif

#if defined(__GNUC__)
# define ORM_PRINTF(iFmt, iArg) /* sqlite3_mprintf has %q %Q %w %z: unchecked */
# define ORM_LIKELY(x)   __builtin_expect(!!(x), 1)
# define ORM_PREFETCH(p) __builtin_prefetch(p)
/* Compilers drop the call of a function that does nothing but prefetch. */
# if defined(ORM_COVERAGE)
#  define ORM_INLINE inline                /* counted once                    */
# else
#  define ORM_INLINE inline __attribute__((always_inline))
# endif
# define ORM_NOINLINE __attribute__((noinline))
# define ORM_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
# define ORM_PRINTF(iFmt, iArg)
# define ORM_LIKELY(x)   (x)
# define ORM_PREFETCH(p) ((void)(p))
# define ORM_INLINE inline
# define ORM_NOINLINE
# define ORM_UNLIKELY(x) (x)
#endif

typedef struct Orm Orm;                    /* one connection's state          */
typedef struct OrmErr OrmErr;              /* the sticky error of one call    */
typedef struct OrmArena OrmArena;          /* memory freed all at once        */
typedef struct OrmBuf OrmBuf;              /* growing text                    */
typedef struct OrmJson OrmJson;            /* a node of a parsed document     */
typedef struct OrmStmt OrmStmt;            /* a prepared statement on loan    */
typedef struct OrmStmtCache OrmStmtCache;
typedef struct OrmBinds OrmBinds;          /* values for ?N of generated SQL  */
typedef struct OrmKeys OrmKeys;            /* a list of keys as a SQL table   */
typedef struct OrmSink OrmSink;            /* who receives orm_emit()'s rows  */
typedef struct OrmCatalog OrmCatalog;      /* the models, as last read        */
typedef struct OrmModel OrmModel;
typedef struct OrmField OrmField;
typedef struct OrmPatchText OrmPatchText;
typedef struct OrmUnique OrmUnique;
typedef struct OrmFk OrmFk;
typedef struct OrmRel OrmRel;
typedef struct OrmReference OrmReference;   /* a foreign key that refers here */
typedef struct OrmReverse OrmReverse;
typedef struct OrmLead OrmLead;
typedef struct OrmQuery OrmQuery;          /* a checked query or include      */
typedef struct OrmKeyRef OrmKeyRef;        /* a checked key of an object      */
typedef struct OrmPlan OrmPlan;            /* a query compiled to SQL         */

/* ========================================================================
** Interface to ext/orm.c: the state of one connection
** ===================================================================== */

/* Per-connection settings, in the order of core/config.c's table. */
enum {
  ORM_CONFIG_LOG,               /* 1: orm_log collects                        */
  ORM_CONFIG_MAX_DEPTH,         /* relationships below the root of a query    */
  ORM_CONFIG_MAX_LIMIT,         /* largest limit; 0: none                     */
  ORM_CONFIG_MAX_CONDITIONS,    /* conditions in one query; 0: none           */
  ORM_CONFIG_SCAN_MEMORY,       /* bytes a whole-relation scan may hold       */
  ORM_CONFIG_N
};

/*
** nRef counts the registrations (functions, modules) and virtual tables that
** hold it; ormUnref() at the last one frees it.
*/
struct Orm {
  sqlite3 *db;
  int nRef;
  int nFunction, nTable;        /* orm.c: how many are registered             */
  u8 bIncomplete;               /* some could not be                          */
  i64 aConfig[ORM_CONFIG_N];
  char *zNow;                   /* orm_config('now', text), or 0: the clock   */
  OrmStmtCache *pStmts;         /* core/stmt.c; 0 until the context is there  */
  u8 bDefer;                    /* we have set PRAGMA defer_foreign_keys      */
  int nDrop;                    /* core/context.c: see ormContextOnDrop()     */
  void (*axDrop[4])(Orm*);
  OrmSink *pSink;               /* core/emit.c: the running push statement's  */
  char *zSpare;                 /* core/result.c: memory for the next result  */
  i64 nSpare;
  int nIdle;                    /*   and how many left most of it unused      */
  OrmCatalog *pCatalog;         /* catalog/load.c: the newest, or 0           */
  sqlite3_stmt *apToken[2];     /* catalog/load.c: on orm_state.token         */
  int aReprepare[2];            /*   and how often they were re-prepared      */
  int nPin;                     /* pins that are held                         */
  u8 bOnToken;                  /* apToken[0] stands on its row for them      */
  int nClean;                   /* total changes when none was uncommitted    */
  struct OrmPlanCache *pPlans;  /* read/plan.c                                */
  i64 nKept;                    /* read/rows.c: bytes that its plans keep     */
  struct OrmSchemaCopy *pSchema;             /* catalog/held.c, or 0          */
  struct OrmRules *pRules;      /* write/rules.c: delete rules, or 0          */
};
void ormUnref(void *pOrm);

/* ========================================================================
** Interface to ext/core/err.c: errors
** ===================================================================== */
struct OrmErr {
  int rc;                       /* SQLITE_OK until the first failure          */
  char *zMsg;                   /* sqlite3_malloc'ed; 0: use sqlite3_errstr() */
};

/* Record the first failure.  The message is sqlite3_mprintf's and should read
** "orm: <place>: <what> (did you mean x?)"; the caller writes the "orm: ". */
void ormErr(OrmErr*, int rc, const char *zFormat, ...);
void ormErrOom(OrmErr*);
/* Record the connection's own error after a call gave rc (extended code and
** message are taken from db at once). */
void ormErrDb(OrmErr*, sqlite3 *db, int rc);
/* Hand the error to SQL as a function's result (message first, code last),
** or to a virtual table (pVtab->zErrMsg; returns the code). Both clear it. */
void ormErrResult(OrmErr*, sqlite3_context*);
int ormErrVtab(OrmErr*, sqlite3_vtab*);
void ormErrClear(OrmErr*);
/* Hand an error on to pErr, unless that holds one: the first one stays.  The
** other is clear afterwards. */
void ormErrMove(OrmErr*, OrmErr *pErr);
/* Clear an error that may happen (broken metadata that is passed over); one of
** the machine (memory, I/O, interrupt, a lock) moves to pErr.  1 if there was
** an error. */
int ormErrForgive(OrmErr*, OrmErr *pErr);
/* Put text in front of the message that is there: "orm: $.posts[2]: " before
** "NOT NULL constraint failed: ..". A leading "orm: " of it is dropped. */
void ormErrPrefix(OrmErr*, const char *zFormat, ...);

/* ========================================================================
** Interface to ext/core/arena.c: memory freed all at once
** ===================================================================== */
struct OrmArena {
  OrmErr *pErr;                 /* out of memory goes here                    */
  struct OrmChunk *pChunk;      /* newest chunk, linked to the older ones     */
  char *zFree, *zEnd;           /* what is left of it                         */
  i64 nTotal;                   /* bytes held in all chunks                   */
};
void ormArenaInit(OrmArena*, OrmErr*);
void ormArenaLend(OrmArena*, char*, i64 n);  /* n bytes to begin with         */
void ormArenaFree(OrmArena*);                /* all memory; may be used again */
void ormArenaReset(OrmArena*);               /* the same, but for one chunk   */
void *ormArenaAlloc(OrmArena*, i64 n);       /* zeroed, 8-aligned; 0: OOM     */
char *ormArenaRaw(OrmArena*, i64 n);         /* neither zeroed nor aligned    */
/* copy, NUL added; n<0: strlen */
char *ormArenaText(OrmArena*, const char *z, i64 n);
char *ormArenaPrintf(OrmArena*, const char *zFormat, ...);
/* An array that doubles: room for one more of nElem bytes each at the end of
** *ppArray, which holds n of *pnAlloc; returns its address or 0. */
void *ormArenaGrow(OrmArena*, void **ppArray, int n, int *pnAlloc, int nElem);

/* ========================================================================
** Interface to ext/core/buf.c: growing text, and the one quoting routine
** ===================================================================== */
struct OrmBuf {
  OrmErr *pErr;
  char *z;                      /* sqlite3_malloc'ed; NUL-terminated only by  */
  i64 n, nAlloc;                /*   ormBufText() and ormBufTake()            */
};
void ormBufInit(OrmBuf*, OrmErr*);
void ormBufFree(OrmBuf*);
void ormBufReset(OrmBuf*);                   /* n = 0, memory kept            */
char *ormBufGrow(OrmBuf*, i64 nMore);
void ormBufAhead(OrmBuf*, i64 n);            /* n bytes, if there is memory   */
void ormBufAdd(OrmBuf*, const char *z, i64 n);       /* n<0: strlen           */
void ormBufInt(OrmBuf*, i64 i);
#define ORM_INT_TEXT 24
char *ormIntText(char *zTo, i64 i);          /* the digits; returns the end   */
void ormBufPrintf(OrmBuf*, const char *zFormat, ...);
const char *ormBufText(OrmBuf*);            /* NUL-terminated view; "" on OOM */
char *ormBufTake(OrmBuf*, i64 *pn);          /* hand over (sqlite3_free it)   */
void ormLargePages(void*, i64 n);            /* n bytes just allocated        */
/* Names and text literals in SQL: "a""b" and 'it''s'. */
void ormBufName(OrmBuf*, const char *zName);
void ormBufLiteral(OrmBuf*, const char *z);
void ormUnquote(char*);                      /* the other way, in any quotes  */
/* t."name" */
void ormBufColumn(OrmBuf*, const char *zAlias, const char *zName);
/* Is its value a text?  As a range of an index. */
void ormBufIsText(OrmBuf*, const char *zAlias, const char *zName);
void ormBufTable(OrmBuf*, const char *zTable);                  /* "main"."t" */

/* Room for nMore bytes at the end, for the caller to write and then to add to
** p->n; 0 after an error. */
static inline char *ormBufReserve(OrmBuf *p, i64 nMore){
  if( ORM_LIKELY(p->nAlloc - p->n>=nMore && p->pErr->rc==SQLITE_OK) ){
    return p->z + p->n;
  }
  return ormBufGrow(p, nMore);
}
static inline void ormBufChar(OrmBuf *p, char c){
  char *z = ormBufReserve(p, 1);
  if( z==0 ) return;
  *z = c;
  p->n++;
}

/* ========================================================================
** Interface to ext/core/json_read.c: a document as a tree
**
** Strict RFC 8259.  The tree lives in an arena; strings are decoded (lone
** surrogates become U+FFFD; text may hold NUL, so n counts), numbers that fit
** are INTEGER, others REAL (rounded correctly, 1e400 is an infinity).
** ===================================================================== */
enum {
  ORM_JSON_NULL, ORM_JSON_FALSE, ORM_JSON_TRUE, ORM_JSON_INTEGER,
  ORM_JSON_REAL, ORM_JSON_STRING, ORM_JSON_ARRAY, ORM_JSON_OBJECT
};
#define ORM_JSON_MAX_DEPTH 1000
struct OrmJson {
  u8 eType;
  int nKey;                     /* length of zKey                             */
  int nChild;                   /* elements or members                        */
  int iIndex;                   /* position in the parent                     */
  i64 n;                        /* bytes of z                                 */
  const char *zKey;             /* member name, when in an object             */
  const char *z;                /* STRING: its text, NUL-terminated; numbers: */
                                /*   as written                               */
  union { i64 i; double r; } u;
  const char *zRaw; i64 nRaw;   /* the value as it stands in the source       */
  OrmJson *pParent, *pNext, *pChild;
};
/* The root, or 0 and an error "orm: malformed JSON: <what> at offset N in
** <zWhat>".  zIn must stay valid as long as zRaw and numbers' z are used. */
OrmJson *ormJsonParse(OrmArena*, const char *zIn, i64 nIn, const char *zWhat);
/* The scalar that begins at z, into *pNode, but for its key and its place in a
** tree; a string without escapes stays where it is, without a NUL.  Returns
** what is behind it, or 0 if it is malformed, or no scalar. */
const char *ormJsonScalar(OrmArena*, const char *z, const char *zEnd, OrmJson*);
/* Behind the string at z, before zEnd, if all of its characters are ASCII and
** stand for themselves; else 0. */
const char *ormJsonPlainEnd(const char *z, const char *zEnd);
OrmJson *ormJsonMember(const OrmJson*, const char *zKey);     /* or 0         */
OrmJson *ormJsonPlain(OrmArena*, const char *z, i64 n);      /* a STRING node */
int ormJsonIs(const OrmJson *pKeyed, const char *zKey);       /* zKey equal?  */
/* The place of a node, "$.where.posts[2].title" (keys that are no plain names
** as ["my key"]); the text lives in the arena. */
const char *ormJsonPath(OrmArena*, const OrmJson*);
/* Error at a node: "orm: $.where.x: " + message, code SQLITE_ERROR. */
void ormJsonErr(OrmErr*, const OrmJson*, const char *zFormat, ...);
const char *ormJsonTypeName(const OrmJson*);                 /* "an array" .. */
int ormJsonValid(const char *z, i64 n);                       /* well-formed? */
/* Bytes of the UTF-8 character at z, of which n are there; 0 if it is none. */
int ormUtf8Length(const char *z, i64 n);
/* Has a byte of these the high bit, or is it a control character, a quote or a
** backslash?  (A byte-wise "has zero" test on the word.) */
static inline int ormJsonHasOdd(u64 v){
  const u64 m1 = 0x0101010101010101u, m80 = 0x8080808080808080u;
  u64 q = v ^ (m1 * '"');
  u64 b = v ^ (m1 * '\\');
  return ((v | (v - m1*0x20) | (q - m1) | (b - m1)) & m80)!=0;
}

/* ========================================================================
** Interface to ext/core/json_skip.c: JSON text gone over without a tree
**
** It need not be well-formed: what is wrong between the places that are found
** is for whoever reads the values.  Each returns what is behind, or 0.
** ===================================================================== */
static inline const char *ormJsonSpaceEnd(const char *z, const char *zEnd){
  while( z<zEnd && (*z==' ' || *z=='\n' || *z=='\r' || *z=='\t') ) z++;
  return z;
}
const char *ormJsonStringEnd(const char *z, const char *zEnd);
/* Of any value; an array or object no more than nMax levels deep. */
const char *ormJsonValueEnd(const char *z, const char *zEnd, int nMax);
/* Behind an element of the array that is the whole text: 1 and *pz at the next
** one, 0 at the end of the text; -1 for neither. */
int ormJsonNextElement(const char **pz, const char *zEnd);

/* ========================================================================
** Interface to ext/core/real.c: doubles and decimal text, exactly
** ===================================================================== */
/* The double nearest to a well-formed JSON number; 1e400 is an infinity. */
double ormRealParse(const char *z, i64 n);
/* The text of a finite double, as short as reads back to it; returns its
** length, at most ORM_REAL_TEXT. */
#define ORM_REAL_TEXT 40
int ormRealText(char *z, double r);

/* ========================================================================
** Interface to ext/core/json_write.c: values as JSON text, always valid
** ===================================================================== */
/* How a field's values are written and read. */
enum {
  ORM_TYPE_ANY,                 /* by storage class                           */
  ORM_TYPE_BOOLEAN, ORM_TYPE_JSON, ORM_TYPE_DATE, ORM_TYPE_DATETIME,
  ORM_TYPE_DECIMAL, ORM_TYPE_BLOB, ORM_TYPE_TEXT, ORM_TYPE_INTEGER,
  ORM_TYPE_REAL, ORM_TYPE_N
};
void ormJsonString(OrmBuf*, const char *z, i64 n);   /* quoted and escaped    */
/* Escape z[n], of at most 4000 bytes, where there is room for 6*n and the
** slack; returns the end. */
#define ORM_JSON_SLACK 16
char *ormJsonEscape(char *zTo, const char *z, i64 n);
void ormJsonInt(OrmBuf*, i64 i);
void ormJsonReal(OrmBuf*, double r);   /* reads back to the same double       */
void ormJsonBlob(OrmBuf*, const void *p, i64 n);     /* base64, quoted        */
void ormJsonValue(OrmBuf*, sqlite3_value*, int eType);
struct OrmBind;
void ormJsonBind(OrmBuf*, const struct OrmBind*, int eType);
void ormJsonNode(OrmBuf*, const OrmJson*);           /* a parsed node again   */
#define ORM_JSON_SUBTYPE ((unsigned)'J')

/* ========================================================================
** Interface to ext/core/result.c: the JSON results of functions
** ===================================================================== */
/* The buffer as a function's result; takes its memory.  If its pErr holds an
** error, reports that instead. */
void ormJsonResult(sqlite3_context*, OrmBuf*);
/* The same with the memory of an earlier result, to which it returns: a buffer
** from Begin is given or not, and ended. */
void ormResultBegin(Orm*, OrmErr*, OrmBuf*);
void ormResultAhead(OrmBuf*, i64 n);         /* n bytes, before the first one */
void ormResultGive(sqlite3_context*, Orm*, OrmBuf*);
void ormResultEnd(Orm*, OrmBuf*);

/* ========================================================================
** Interface to ext/core/suggest.c
** ===================================================================== */
/* Is z[n], in which there may be a NUL, this name? */
int ormNameIs(const char *zName, const char *z, i64 n);
/* Names that differ in the case of A-Z alone have one hash. */
u32 ormNameHash(const char *zName);
/* The nearest of the names to z[n], or 0 when none is near (edit distance at
** most a third of the length).  xName(pArg, i) gives the i-th name or 0. */
const char *ormNearest(
  const char *z, i64 n, const char *(*xName)(const void*, int), const void *pArg
);

/* ========================================================================
** Interface to ext/core/config.c: settings by name
** ===================================================================== */
void ormConfigInit(Orm*);
int ormConfigCount(void);                            /* 'now' included        */
const char *ormConfigName(int i);
const char *ormConfigWhat(int i);
void ormConfigGet(Orm*, int i, sqlite3_context*);
int ormConfigFind(OrmErr*, const char *zName);       /* -1 and an error       */
void ormConfigSet(Orm*, OrmErr*, int i, sqlite3_value*);
/* The clock: 'now' or the current time, "YYYY-MM-DD HH:MM:SS[.SSS]" in UTC. */
void ormNow(Orm*, OrmErr*, char z[32], int bMillis);

/* ========================================================================
** Interface to ext/core/stmt.c: prepared statements, cached, on loan, logged
**
** A statement is taken out of the cache by its text and given back; while it
** is out nobody else gets it, so re-entrant calls are safe (a second one is
** prepared).  The cache is owned by the eponymous virtual table orm_context,
** so that sqlite3_close() finds no statement left (CRAFT.md 2.16).
** ===================================================================== */
struct OrmStmt {
  sqlite3_stmt *p;
  i64 nRow;                     /* rows so far; push sinks add to it          */
  /* the rest belongs to stmt.c */
  u64 iHash; OrmStmt *pHashNext, *pNewer, *pOlder;
  i64 nNano;                    /* time spent in it, while the log is on      */
  int nParam;
  u32 mBound, mHeld, mLeft;     /* parameters: see ormStmtBound()             */
  u8 bNew;                      /* prepared by this very loan                 */
  u8 bFailed;                   /* a step of this loan gave an error          */
  u8 bQuiet;                    /* not for the log                            */
  u8 bLog;                      /* the log was on when it was taken           */
  int nSql; char zSql[1];
};
/* Take the statement for zSql (prepared PERSISTENT), or 0 and the error. */
OrmStmt *ormStmtTake(Orm*, OrmErr*, const char *zSql, i64 nSql);
OrmStmt *ormStmtTakef(Orm*, OrmErr*, const char *zFormat, ...);
/* The same, never logged: the house's own bookkeeping (anchor, token ..). */
OrmStmt *ormStmtTakeQuiet(Orm*, OrmErr*, const char *zSql);
/* The one for zSql[nSql] if it is there, idle and prepared; else 0.  iHash is
** ormStmtHash() of the text. */
OrmStmt *ormStmtTakeKept(Orm*, const char *zSql, i64 nSql, u64 iHash);
u64 ormStmtHash(const char *zSql, i64 nSql);
/*
** Parameter i is bound, to something (bHeld) that may go when the statement is
** given back.  Then it is taken off; numbers stay until others are bound.
** Taking off a parameter that SQLite has looked at when it planned makes it
** plan anew, and so does sqlite3_clear_bindings(), whatever it takes off.
** (mLeft: what earlier loans left bound, each of which must be bound again.)
*/
static ORM_INLINE u32 ormStmtParam(int i){
  return i<32 ? (u32)1<<(i - 1) : (u32)1<<31;
}
static ORM_INLINE void ormStmtBound(OrmStmt *p, int i, int bHeld){
  p->mBound |= ormStmtParam(i);
  if( bHeld ) p->mHeld |= ormStmtParam(i);
}
/* Step: 1 for a row, 0 when done or failed (the error is recorded).  OrmStmt
** may be 0 (after an error): 0. */
int ormStmtStep(Orm*, OrmErr*, OrmStmt*);
/* Reset, clear the bindings, put back.  Records a late error of reset only if
** none is there.  0 is allowed. */
void ormStmtGive(Orm*, OrmErr*, OrmStmt*);
/* Take, step to the end ignoring rows, give back. */
void ormStmtExec(Orm*, OrmErr*, const char *zSql);
void ormStmtExecf(Orm*, OrmErr*, const char *zFormat, ...);
/* Called by core/context.c. */
OrmStmtCache *ormStmtCacheNew(void);
void ormStmtCacheFree(OrmStmtCache*);
/* orm_log: entries in the order of their first run, found by their number,
** since the log may change while it is read. */
typedef struct OrmLogEntry OrmLogEntry;
struct OrmLogEntry {
  OrmLogEntry *pNext;
  i64 id;
  i64 nRun, nRow, nNano, nFullScan;
  char zSql[1];
};
OrmLogEntry *ormLogAfter(Orm*, i64 id);    /* the first above id, or 0        */
void ormLogDelete(Orm*, i64 id);
/* Monotonic enough for the log: nanoseconds. */
i64 ormNano(void);

/* Values for the ?N of a generated statement, in an arena of the caller's. */
struct OrmBinds {
  OrmArena *pArena;
  int n, nAlloc;
  struct OrmBind {
    u8 eType;                   /* SQLITE_INTEGER, FLOAT, TEXT, BLOB, NULL    */
    u16 iCursor;                /* of a cursor: 1 + 2*term (+ 1: of before)   */
    int n;                      /* bytes of z                                 */
    union { i64 i; double r; const char *z; } u;
  } *a;
};
static inline int ormBindIsBytes(const struct OrmBind *p){
  return p->eType==SQLITE_TEXT || p->eType==SQLITE_BLOB;
}
/* Each adds a value and returns its position, from 0.  A JSON node binds as
** true 1, false 0, numbers, text, null; arrays and objects as their text. */
int ormBindInt(OrmBinds*, i64);
int ormBindReal(OrmBinds*, double);
int ormBindText(OrmBinds*, const char *z, i64 n);    /* copied                */
int ormBindBlob(OrmBinds*, const void *p, i64 n);    /* copied                */
int ormBindNull(OrmBinds*);
int ormBindJson(OrmBinds*, const OrmJson*);
int ormBindValue(OrmBinds*, sqlite3_value*);         /* copied                */
/* Bind all of them to ?iFirst, ?iFirst+1, ...  Texts are not copied: the arena
** must stay until the statement is given back. */
void ormBindAll(OrmErr*, OrmStmt*, int iFirst, const OrmBinds*);
/* One parameter of a statement on loan (0: nothing).  A text or a pointer stays
** the caller's until the statement is given back. */
void ormBindOne(OrmErr*, OrmStmt*, int i, const struct OrmBind*);
void ormBindIntTo(OrmStmt*, int i, i64);
void ormBindTextTo(OrmErr*, OrmStmt*, int i, const char *z, int n);
void ormBindValueTo(OrmErr*, OrmStmt*, int i, sqlite3_value*);
void ormBindPointerTo(OrmStmt*, int i, void*, const char *zType);
/* A hash of 64 bits goes on (FNV-1a).  A number has one, integer or not, as far
** as that is exact. */
#define ORM_HASH_BEGIN 0xcbf29ce484222325u
u64 ormHash(u64 h, const void *pData, i64 n);
u64 ormBindHash(u64 h, const struct OrmBind*);
/* One as a result; xDel: SQLITE_TRANSIENT, or SQLITE_STATIC. */
void ormBindResult(sqlite3_context*, const struct OrmBind*,
                   sqlite3_destructor_type xDel);

/* ========================================================================
** Interface to ext/core/context.c: orm_context owns what must go on close
** ===================================================================== */
/* Make pOrm->pStmts exist.  Every path that takes statements comes through
** ormStmtTake(), which calls this. */
int ormContextEnsure(Orm*, OrmErr*);
/* Have xDrop called when the context goes, before the statements do: for what
** the layers above keep for the connection (catalog, plans).  The latest is
** called first; saying it again while it stands is nothing. */
void ormContextOnDrop(Orm*, OrmErr*, void (*xDrop)(Orm*));
extern const sqlite3_module ormContextModule;

/* ========================================================================
** Interface to ext/core/keys.c: a list of keys as a SQL table
**
**     SELECT ... FROM orm_keys(?1) AS k CROSS JOIN main.posts AS c
**     WHERE c.author_id = k.k0
**
** Columns: i (position, 0..nKey-1), k0 .. k15.  Rows come in ascending i.
** Bound with ormKeysBind(); bUsed tells afterwards that it was our table, not
** one of the file's that has taken its name (ormKeysCheck makes the error).
** ===================================================================== */
#define ORM_MAX_KEY 16
struct OrmKeys {
  int nCol;                     /* columns in a key, 1..ORM_MAX_KEY           */
  int nKey;
  const i64 *aInt;              /* nKey*nCol integers, or 0:                  */
  const struct OrmBind *aBind;  /* nKey*nCol values of an OrmBinds, or 0:     */
  sqlite3_value **apVal;        /* nKey*nCol values                           */
  const int *aiPos;             /* i of each key, ascending; 0: its position  */
  u8 bFeed;                     /* there is one key, and nKey is raised while */
                                /*   the statement runs to give it once more  */
  u8 bUsed;
  sqlite3 *db;                  /* keys.c: of the statement it is bound to    */
};
void ormKeysBind(OrmErr*, OrmStmt*, int iParam, OrmKeys*);
void ormKeysCheck(OrmErr*, const OrmKeys*);
extern const sqlite3_module ormKeysModule;

/* ========================================================================
** Interface to ext/core/emit.c: rows pushed, not pulled
**
**     SELECT orm_emit(a, b, c) FROM ...
**
** orm_emit is an aggregate of ours whose step hands the row's values to the
** sink of the running statement: 2.6 times fewer instructions than stepping.
** ===================================================================== */
struct OrmSink {
  void (*xRow)(OrmSink*, int nVal, sqlite3_value **apVal);
  OrmErr *pErr;                 /* xRow records failures here; rows stop      */
  i64 nRow;
  u8 bPushed;                   /* emit.c: the row that comes is orm_emit()'s */
};
/* Run the statement (already bound) to its end with rows going to the sink.
** If there are more columns than a function may have arguments on this
** connection, the SQL text is a plain SELECT of them: ormEmitCanPush(). */
void ormEmitRun(Orm*, OrmErr*, OrmStmt*, OrmSink*);
int ormEmitCanPush(Orm*, int nCol);
/* Without a sink, orm_emit() given a pointer of this type to an Orm* sets it:
** how a second load finds the state of the first. */
#define ORM_STATE_TYPE "orm_state"
void ormEmitStep(sqlite3_context*, int, sqlite3_value**);
void ormEmitFinal(sqlite3_context*);
void ormEmitIf(sqlite3_context*, int, sqlite3_value**);

/* ========================================================================
** Interface to ext/core/anchor.c: all or nothing, in every context
**
** The job runs inside INSERT OR IGNORE INTO orm_anchor(job) SELECT ?1, so that
** SQLite gives it a statement journal (CRAFT.md 3d).  It covers "main" only.
** ===================================================================== */
typedef void (*OrmJob)(Orm*, OrmErr*, void *pArg);
void ormAnchorRun(Orm*, OrmErr*, OrmJob, void *pArg);
/* The same without undoing, but out of memory takes the transaction along. */
void ormAnchorRunAll(Orm*, OrmErr*, OrmJob, void *pArg);
typedef struct OrmAnchorTab OrmAnchorTab;
struct OrmAnchorTab { sqlite3_vtab base; Orm *pOrm; };
int ormAnchorUpdate(sqlite3_vtab*, int, sqlite3_value**, sqlite3_int64*);
extern const sqlite3_module ormAnchorModule;

/* ========================================================================
** Interface to ext/catalog/held.c: a copy of sqlite_schema
**
** For a job that asks many times what is there: until ormFactRelease() it must
** do no more to the schema than add to it, or call ormFactRenew().
** ===================================================================== */
void ormFactHold(Orm*, OrmErr*);
void ormFactRelease(Orm*);
void ormFactRenew(Orm*, OrmErr*);
/* For facts.c, while Orm.pSchema is there. */
typedef struct OrmHeld OrmHeld;
struct OrmHeld {
  OrmHeld *pNext;               /* of those whose names share a bucket        */
  OrmHeld *pNextOf;             /* indexes: of those whose tables' names do   */
  const char *zType, *zName, *zTable, *zSql;
};
const OrmHeld *ormHeldFind(Orm*, OrmErr*, const char *zType,
                           const char *zName);
int ormHeldKind(Orm*, OrmErr*, const char *zTable);
const OrmHeld *ormHeldIndex(Orm*, OrmErr*, const char *zTable, const OrmHeld*);

/* ========================================================================
** Interface to ext/catalog/facts.c: what the file itself says
**
** Statements for one reading of schema or metadata: neither cached nor logged.
** zFormat is sqlite3_mprintf's; finalize with sqlite3_finalize().
** ===================================================================== */
sqlite3_stmt *ormFactOpen(Orm*, OrmErr*, const char *zFormat, ...);
sqlite3_stmt *ormFactOpenAny(Orm*, OrmErr*, const char *zFormat, ...);
void ormFactBind(Orm*, OrmErr*, sqlite3_stmt*, const char *z, int n);
int ormFactStep(Orm*, OrmErr*, sqlite3_stmt*);       /* 1: a row              */
const char *ormFactText(OrmArena*, sqlite3_stmt*, int iCol);  /* 0 for NULL   */
int ormFactFlag(sqlite3_stmt*, int iCol, int *pbBad);
void ormFactExec(Orm*, OrmErr*, const char *zFormat, ...);
/* The same, prepared once for all that differ by their 'text literals'. */
void ormFactExecLike(Orm*, OrmErr*, const char *zSql);
void ormFactExecLikef(Orm*, OrmErr*, const char *zFormat, ...);
enum { ORM_KIND_NONE, ORM_KIND_TABLE, ORM_KIND_VIEW, ORM_KIND_VIRTUAL };
int ormFactKind(Orm*, OrmErr*, const char *zTable); /* what a name is in main */
int ormFactExists(Orm*, OrmErr*, const char *zType, const char *zName,
                  OrmArena*, const char **pzSql);
/* The model of each table, the first of several, by rows of orm_model alone;
** all of it in the arena.  Errors go to the arena's. */
typedef struct OrmTableMap OrmTableMap;
OrmTableMap *ormTableMapNew(Orm*, OrmArena*);
const char *ormTableMapFind(const OrmTableMap*, const char *zTable); /* or 0  */
void ormTableMapAdd(OrmTableMap*, const char *zTable, const char *zModel);
int ormFactIndexes(Orm*, OrmErr*, OrmArena*, const char *zTable,
                   const char ***paz);       /* texts of CREATE INDEX; held   */
int ormFactWhereNull(Orm*, OrmErr*, OrmArena*, const char *zIndex,
                     const char *zColumn);           /* WHERE c IS NULL       */
char ormFactAffinity(const char *zDecl);
int ormFactType(const char *zDecl);                  /* ORM_TYPE_*            */
const char *ormTypeName(int eType);                  /* word, 0 for ANY       */
int ormTypeFind(const char *zWord);                  /* -1: no such           */
/* The names in a cell: one plain name, or a JSON array of names. */
int ormFactNames(OrmArena*, const char *zCell, const char *zWhat,
                 const char ***pazName);
/* ormNearest() over an array of names that ends in 0. */
const char *ormNameInArray(const void *az, int i);

/* ========================================================================
** Interface to ext/catalog/model.c: one model, whole or an error
** ===================================================================== */
typedef struct OrmFkFact OrmFkFact;
struct OrmFkFact {              /* a foreign key of any table, by names       */
  int id, n;
  const char *zTarget;
  const char *azFrom[ORM_MAX_KEY], *azTo[ORM_MAX_KEY];
  u8 eOnDelete, eOnUpdate;
};
int ormFactFks(Orm*, OrmErr*, OrmArena*, const char *zTable, OrmFkFact**);
void ormFactKeyOf(Orm*, OrmErr*, OrmArena*, OrmFkFact*);
int ormFkAction(const char*);                        /* ORM_FK_*              */
const char *ormAutoName(int eAuto);                  /* "version" ..          */
OrmModel *ormModelLoad(Orm*, OrmCatalog*, OrmArena*, const char *zName, i64 n);
int ormFieldByColumn(const OrmModel*, const char*);  /* ignoring case, or -1  */
int ormSameFields(int n, const int *a, int m, const int *b);   /* as sets     */
/* at most 1 row */
int ormModelUnique(const OrmModel*, int n, const int *aField);

/* ========================================================================
** Interface to ext/catalog/load.c: the models, as the file declares them
**
** A catalog is one reading of the metadata and grows as models are asked for;
** what it has read never changes.  It is dropped when the token in orm_state
** or the schema moves.  Structures stay valid while the catalog is held.
** ===================================================================== */
enum { ORM_AUTO_NONE, ORM_AUTO_CREATED, ORM_AUTO_UPDATED, ORM_AUTO_VERSION,
       ORM_AUTO_UUID };
#define ORM_JSON_KEY_SLACK 16   /* bytes behind zJsonKey that may be read     */
struct OrmField {
  const char *zName;            /* of the field and of its column             */
  const char *zDecl;            /* declared type, "" if none                  */
  const char *zColl;            /* collation, "BINARY" if none                */
  const char *zDefault;         /* DEFAULT expression as in the schema, or 0  */
  const char *zJsonKey;         /* ,"name":  rendered once; nJsonKey bytes    */
  int nJsonKey;
  int iCol;                     /* column number in the table                 */
  int iKey;                     /* 1.. position in the key, 0: not in it      */
  u8 eType;                     /* ORM_TYPE_*                                 */
  u8 eAuto;                     /* ORM_AUTO_*                                 */
  char cAff;                    /* affinity: 'A' blob 'B' text 'C' numeric    */
                                /*   'D' integer 'E' real                     */
  u8 bHidden, bReadonly;        /* orm_field's words                          */
  u8 bGenerated;                /* generated column: never written            */
  u8 bNotNull;
};
struct OrmUnique {              /* a UNIQUE index or constraint, key first    */
  int n; const int *aField;     /* fields, in index order                     */
  u8 bPrimary, bNatural;
  u8 bLiving;                   /* only among those not soft-deleted          */
};
struct OrmFk {                  /* a declared foreign key of the table        */
  int id;                       /* of PRAGMA foreign_key_list                 */
  int n;
  const char *zTarget;          /* table referred to                          */
  const int *aField;            /* columns here                               */
  const char **azTo;            /* columns there (its key where not written;  */
                                /*   "" where there is no such table or key)  */
  u8 eOnDelete, eOnUpdate;      /* ORM_FK_*                                   */
};
enum { ORM_FK_NO_ACTION, ORM_FK_RESTRICT, ORM_FK_SET_NULL, ORM_FK_SET_DEFAULT,
       ORM_FK_CASCADE };
typedef struct OrmIndex OrmIndex;
struct OrmIndex {               /* an index of the table                      */
  const char *zName;            /* "": the INTEGER PRIMARY KEY itself         */
  int n; const int *aField;     /* the plain columns that it starts with      */
  u8 bUnique, bPartial;         /* bUnique: exactly aField are unique         */
  u8 bLiving;                   /* unique WHERE the soft-delete field IS NULL */
};
struct OrmModel {
  OrmCatalog *pCatalog;
  OrmModel *pNextHash;          /* load.c                                     */
  const char *zName, *zTable;
  const char *zOrderBy;         /* default order: JSON array or a field; or 0 */
  int nField; OrmField *aField; /* in column order                            */
  int nKey; const int *aKey;    /* fields of the key, in key order            */
  int nNatural; const int *aNatural;
  u8 bNaturalLiving;            /* unique among those not soft-deleted only   */
  int nUnique; OrmUnique *aUnique;
  int nFk; OrmFk *aFk;          /* in the order declared                      */
  int nIndex;                   /* all indexes, for ormModelIndexed()         */
  OrmIndex *aIndex;
  int iSoftDelete;              /* field, or -1                               */
  int iVersion;                 /* auto version field, or -1                  */
  int nRel; OrmRel **apRel;     /* in the order declared; see ormRelFind()    */
  u8 bView;                     /* read-only                                  */
  u8 bWithoutRowid;
  u8 bRowidKey;                 /* key is the INTEGER PRIMARY KEY             */
  u8 eQuiet, ePlain;            /* write/patch.c: its table, and statements   */
  OrmPatchText *pPatch;
  const char *zThere; int nThere;            /* sql/object.c: a statement     */
};
enum { ORM_ONE_TO_MANY, ORM_MANY_TO_ONE, ORM_ONE_TO_ONE, ORM_MANY_TO_MANY };
enum {                          /* cascade words (C1)                         */
  ORM_CASCADE_SAVE_UPDATE = 1, ORM_CASCADE_MERGE = 2,
  ORM_CASCADE_REFRESH_EXPIRE = 4, ORM_CASCADE_EXPUNGE = 8,
  ORM_CASCADE_DELETE = 16, ORM_CASCADE_DELETE_ORPHAN = 32
};
enum { ORM_INDEXED_UNKNOWN, ORM_INDEXED_NO, ORM_INDEXED_YES };
struct OrmRel {
  const char *zName;
  const char *zJsonKey; int nJsonKey;        /* ,"name":                      */
  OrmModel *pModel, *pTarget;
  u8 eDir;                      /* ORM_ONE_TO_MANY ..                         */
  u8 bMany;                     /* value is an array                          */
  u8 bForeign;                  /* our aLocal holds the foreign key; else the */
                                /*   target's aRemote (or the link table) do  */
  u8 mCascade;                  /* ORM_CASCADE_*                              */
  u8 ePassive;                  /* passive_deletes: 0, 1, 2 for 'all'         */
  u8 bSingleParent, bViewonly;
  u8 bResolved;                 /* the part below is there (2: pBack as well) */
  u8 eQuiet;                    /* write/patch.c: its link table              */
  int bBadFlag;                 /* single_parent or viewonly is no boolean    */
  /* Direct: pModel.aLocal[i] = pTarget.aRemote[i].  Many-to-many:
  ** pModel.aLocal[i] = link.azSecLocal[i], pTarget.aRemote[i] =
  ** link.azSecRemote[i].  All are field numbers but the link's names. */
  int nLocal;  const int *aLocal;
  int nRemote; const int *aRemote;           /* direct: nRemote == nLocal     */
  const char *zSecondary;       /* link table, or 0                           */
  const char **azSecLocal, **azSecRemote;    /* nLocal, nRemote names         */
  u8 *aeIndexed;                /* ormLinkIndexed(): ORM_INDEXED_*, by side   */
  const char *zBack;            /* back_populates, or 0                       */
  OrmRel *pBack;                /* it, or the one found to mirror this, or 0  */
  const char *zOrderBy;         /* as OrmModel.zOrderBy                       */
  float arFan[2];               /* read/link.c: targets of a row, rows of a   */
                                /*   target; 0: not estimated yet             */
  /* as written in the file, for load.c and relation.c */
  const char *zTarget, *zDirection, *zLocal, *zRemote, *zSecLocal, *zSecRemote,
             *zCascade, *zPassive;
};

/* Pin the catalog: the present one, checked against the file, held until
** ormCatalogUnpin(); the first pin of a call also holds a read transaction so
** that all of the call sees one snapshot.  0 and an error if there is none
** ("orm: no models in this file: call orm_reflect(), orm_define() or
** orm_init()") or it cannot be read. */
OrmCatalog *ormCatalogPin(Orm*, OrmErr*);
/* The same for a call that is over before SQL goes on. */
OrmCatalog *ormCatalogPinCall(Orm*, OrmErr*);
void ormCatalogUnpin(Orm*, OrmCatalog*);
/* The newest as it is, without a look at the file, or 0; to be unref'd.  Who
** uses it asks ormCatalogHolds() inside the one statement that he runs, which
** others prepared: if it is prepared anew, the schema has moved.
** ormCatalogSeen() after a write of which he knows all saves the next look. */
OrmCatalog *ormCatalogPeek(Orm*);
int ormCatalogHolds(Orm*, OrmErr*, OrmCatalog*);
void ormCatalogSeen(Orm*, OrmCatalog*);
/* A model of it if it is loaded, else 0. */
OrmModel *ormModelLoaded(OrmCatalog*, const char *zName, i64 n);
/* Keep one over the end of the call (a cursor, a cached plan). */
OrmCatalog *ormCatalogRef(OrmCatalog*);
void ormCatalogUnref(OrmCatalog*);
void ormCatalogDrop(Orm*);                         /* the next pin reads anew */
void ormCatalogClose(Orm*);                          /* the connection closes */
OrmArena *ormCatalogArena(OrmCatalog*, OrmErr*, OrmErr **ppOld);
OrmReverse **ormCatalogReverse(OrmCatalog*, int i);   /* references.c's place */
/* All model names, and a model by name: loaded on first use.  Unknown or
** broken: 0 and an error naming the nearest. zName need not be terminated. */
int ormCatalogCount(OrmCatalog*);
const char *ormCatalogName(OrmCatalog*, int i);
OrmModel *ormModelFind(Orm*, OrmErr*, OrmCatalog*, const char *zName, i64 n);
OrmModel *ormModelByTable(Orm*, OrmErr*, OrmCatalog*, const char *zTable);
/* Field number by name, -1 if none (no error). */
int ormFieldFind(const OrmModel*, const char *zName, i64 n);
/* Is there an index (or the key itself) whose first columns are these, in any
** order?  aField in fields. */
int ormModelIndexed(const OrmModel*, int n, const int *aField);
/* "no such field or relationship x on User (did you mean y?)" at a member. */
void ormNoSuchName(OrmErr*, const OrmModel*, const OrmJson*, const char *zWhat);
const char *ormModelNearest(const OrmModel*, const char *z, i64 n); /* or 0   */

/* ========================================================================
** Interface to ext/catalog/relation.c: relationships resolved and checked
** ===================================================================== */
/* By name, resolved (target, columns, reverse; C1-C8 checked).  0 without an
** error if there is none of that name; 0 with an error if it is broken. */
OrmRel *ormRelFind(Orm*, OrmErr*, OrmModel*, const char *zName, i64 n);
/* Resolve all of the model's. */
int ormRelResolveAll(Orm*, OrmErr*, OrmModel*);
const char *ormDirectionName(int eDir);              /* "one_to_many" ..      */

/* ========================================================================
** Interface to ext/catalog/manytomany.c: link tables
** ===================================================================== */
/* Is there an index of the link table that starts with its columns towards
** this end, or of any table that starts with these columns? */
int ormLinkIndexed(Orm*, OrmErr*, const OrmRel*, int bRemoteSide);
/* Does an index start with these columns, in any order? */
int ormIndexStarts(Orm*, OrmErr*, const char *zIndex, int n,
                   const char *const*az);
int ormTableIndexed(Orm*, OrmErr*, const char *zTable, int n, const char **az);

/* ========================================================================
** Interface to ext/catalog/statistics.c: what ANALYZE has found
** ===================================================================== */
/* Rows "stat, idx" of sqlite_stat1 about a table; 0: none. */
sqlite3_stmt *ormStatOpen(Orm*, OrmErr*, const char *zTable);
/* Rows of a table, 0 if nobody has counted; rows of it that belong to one
** value of some columns. */
double ormStatRows(Orm*, OrmErr*, const char *zTable);
double ormStatFan(Orm*, OrmErr*, const char *zTable, int n,
                  const char *const*az);

/* ========================================================================
** Interface to ext/catalog/references.c: what leads to a table or a model
** ===================================================================== */
/* Is a field part of a foreign key, or of a key that one may name? */
int ormFieldRefers(const OrmModel*, int iField);
int ormFieldReferred(const OrmModel*, int iField);
/* By rows of the metadata alone, unchecked; the first of a chain, or 0. */
struct OrmLead {
  OrmLead *pNext;
  const char *zTo;              /* the table or model                         */
  const char *zModel;
  const char *zName;            /* of the relationship                        */
};
/* The models over a table, in the order declared. */
const OrmLead *ormModelsOver(Orm*, OrmErr*, OrmCatalog*, const char *zTable);
/* Relationships with a secondary table that lead to a model (or to one whose
** name differs in case), by their names. */
const OrmLead *ormLinksTo(Orm*, OrmErr*, OrmCatalog*, const char *zModel);
/* Every foreign key of any ordinary table of main, mapped or not, that refers
** to zTable: for deletes while foreign keys are off. */
struct OrmReference {
  OrmReference *pNext;
  const char *zTable;           /* the table that refers                      */
  const char *zTarget;          /* the table it refers to                     */
  OrmModel *pModel;             /* its model, or 0                            */
  int n; const char **azFrom, **azTo;
  u8 eOnDelete, eOnUpdate;
  u8 bModel;                    /* pModel was looked up                       */
};
OrmReference *ormReferencesTo(Orm*, OrmErr*, OrmCatalog*, const char *zTable);

/* ========================================================================
** Interface to ext/catalog/state.c, define.c, reflect.c, schema.c
** ===================================================================== */
void ormInit(Orm*, OrmErr*);                          /* orm_init()           */
int ormStateEnsure(Orm*, OrmErr*);   /* create what is missing, anchored      */
/* A check that a layer above makes of the order_by of a model (pRel 0) or of a
** relationship. */
typedef void (*OrmOrderCheck)(Orm*, OrmErr*, OrmModel*, OrmRel*);
/* Models declared; inside an anchor of the caller's. */
i64 ormDefine(Orm*, OrmErr*, const char *zDoc, i64 nDoc, OrmOrderCheck);
i64 ormReflect(Orm*, OrmErr*, const char *zOptions, i64 n);   /* 0: none      */
void ormSchema(Orm*, OrmErr*, OrmBuf *pOut);          /* orm_schema()         */
void ormSchemaModel(Orm*, OrmErr*, OrmCatalog*, const char *zName, OrmBuf*);
/* migrate.c: the steps from the file to a document, to xRow in order; and
** carried out (inside nothing: it opens a savepoint): their number.  xAfter is
** called last.  The options may be 0. */
typedef void (*OrmStepRow)(void*, int iStep, const char *zKind,
  const char *zModel, const char *zSubject, const char *zSql,
  int bDestructive);
void ormDiff(Orm*, OrmErr*, const char *zDoc, i64 nDoc, const char *zOptions,
             i64 nOptions, OrmStepRow, void*);
i64 ormMigrate(Orm*, OrmErr*, const char *zDoc, i64 nDoc, const char *zOptions,
               i64 nOptions, OrmOrderCheck, void (*xAfter)(Orm*, OrmErr*));
/* Tables that orm_reflect() would pass over for want of a key: their number,
** and if there are any, their names. */
int ormReflectSkips(Orm*, OrmErr*, OrmArena*, const char ***paz);
/* Our own triggers and rows that are missing or changed, to xDrift. */
void ormStateDrift(Orm*, OrmErr*, void (*xDrift)(void*, const char *zName,
                   const char *zWhat), void*);
/* check.c: each finding to xFinding, as it is found. */
typedef void (*OrmFinding)(void*, const char *zSeverity, const char *zModel,
  const char *zSubject, const char *zMessage, const char *zFix);
void ormCheck(Orm*, OrmErr*, OrmFinding, void*, OrmOrderCheck);

/* diagram.c, generate.c: the models as a picture's source and as program text.
** Unknown formats and languages are errors that name the known ones. */
void ormDiagram(Orm*, OrmErr*, const char *zFormat, OrmBuf *pOut);
void ormGenerate(Orm*, OrmErr*, const char *zLanguage, OrmBuf *pOut);

/* ========================================================================
** Interface to ext/read/query.c, shape.c, include.c: a query document, checked
**
** Everything that is made lives in the arena, whose pErr takes the errors; the
** text is copied there.  The settings are read while parsing, so what is kept
** of it (a plan) goes when one of them changes.
** ===================================================================== */
/* Which parts mean something to the call. */
enum {
  ORM_Q_WHERE = 1, ORM_Q_ORDER = 2,
  ORM_Q_PAGE = 4 /* limit offset after before */,
  ORM_Q_SHAPE = 8 /* select omit include and _count.. */, ORM_Q_TOTAL = 16,
  ORM_Q_DELETED = 32, ORM_Q_ALL = 47, ORM_Q_DEPTH = 64 /* recursive, depth */
};
typedef struct OrmCond OrmCond;             /* a checked condition; cond.c    */
typedef struct OrmOrder OrmOrder;           /* an order term; order.c         */
typedef struct OrmCursor OrmCursor;         /* a checked cursor; cursor.c     */
typedef struct OrmCount OrmCount;           /* a _count, _sum ..; shape.c     */
struct OrmQuery {
  OrmModel *pModel;
  OrmQuery *pParent;            /* the query that includes this; 0: root      */
  OrmRel *pRel;                 /* the relationship that leads here; 0: root  */
  const OrmJson *pNode;         /* where it stands in the document, or 0      */
  int nSelect; int *aSelect;    /* fields to give, in column order            */
  const OrmCond *pWhere;        /* or 0                                       */
  int nOrder; OrmOrder *aOrder; /* never empty: the key ends it               */
  u64 iOrder;                   /* root: ormCursorOrder()                     */
  u8 bOrdered;                  /* an order was asked for (query, rel, model) */
  u8 bLast;                     /* before without after, and a limit: the     */
                                /*   last rows before it; ormSelectSql() has  */
                                /*   them in order all the same               */
  u8 eDeleted;                  /* soft-deleted: ORM_DELETED_*                */
  u8 bTotal;
  u8 bMore;                     /* orm_page: one object more than the limit   */
  i64 iLimit;                   /* -1: none                                   */
  i64 iOffset;
  const OrmCursor *pAfter, *pBefore;        /* or 0                           */
  int nCount, nCountAlloc;
  OrmCount *aCount;             /* in the order of the output                 */
  OrmQuery *pInclude;           /* first include; in the order asked          */
  OrmQuery *pNext;              /* next include of the same parent            */
  u8 bRecursive; int nDepth;    /* children*: nDepth levels, 0: all           */
};
/* Includes and conditions see soft-deleted objects when their root does. */
enum { ORM_DELETED_HIDE, ORM_DELETED_ALSO, ORM_DELETED_ONLY };
enum { ORM_COUNT, ORM_SUM, ORM_AVG, ORM_MIN, ORM_MAX };
struct OrmCount {
  u8 eFunc;                     /* ORM_COUNT ..                               */
  const char *zAs;              /* name in the output                         */
  OrmRel *pRel;
  int iField;                   /* of the target; -1 for count                */
  const OrmCond *pWhere;        /* or 0                                       */
  u8 eDeleted;
};
/* Check a query: a JSON object, or a string of include paths; z may be 0 (no
** query).  mParts: what the call takes.  0 and an error with its JSON path
** otherwise. */
OrmQuery *ormQueryParse(Orm*, OrmArena*, OrmModel*, const char *z, i64 n,
                        int mParts);

/* What parsing carries; for those who check a part of a query by themselves
** (orm_aggregate's where). */
typedef struct OrmParse OrmParse;
struct OrmParse {
  Orm *pOrm;
  OrmArena *pArena;
  OrmErr *pErr;                 /* the arena's                                */
  i64 nCond;                    /* conditions so far, against max_conditions  */
  int mParts;
};
void ormParseInit(OrmParse*, Orm*, OrmArena*, int mParts);
/* A relationship by name from a document: 0 and an error at the node if there
** is none. */
OrmRel *ormParseRel(OrmParse*, OrmModel*, const OrmJson*, const char *z, i64 n);
/* The first step of a path that ends in a field: see ormStepLength(). */
i64 ormParseStep(OrmParse*, OrmModel*, const char *z, i64 n);
/* A field, -1 and an error if there is none or it is hidden. */
int ormParseField(OrmParse*, OrmModel*, const OrmJson*, const char *z, i64 n);
/* read/include.c: the include part of a query, in all its forms, and a text of
** include paths given at a node. */
void ormIncludeParse(OrmParse*, OrmQuery*, const OrmJson*);
void ormIncludePaths(OrmParse*, OrmQuery*, const OrmJson*, const char *z,
                     i64 n);
/* Make an include recursive: nDepth levels, 0 for all. */
void ormIncludeRecursive(OrmParse*, OrmQuery*, const OrmJson*, i64 nDepth);
/* A fresh include below a query and the parts of its object (query.c). */
OrmQuery *ormQueryNew(OrmParse*, OrmModel*, OrmQuery *pParent, OrmRel*);
/* Below the root by n relationships, or below a query by nMore: 0 and an error
** if that is more than max_depth. */
int ormParseDepth(OrmParse*, i64 n, const OrmJson*);
int ormQueryDepth(OrmParse*, const OrmQuery*, i64 nMore, const OrmJson*);
void ormQueryParts(OrmParse*, OrmQuery*, const OrmJson*, int mParts);
/* read/shape.c: select, omit; _count, _sum .. */
void ormSelectParse(OrmParse*, OrmQuery*, const OrmJson *pSelect,
                    const OrmJson *pOmit);
void ormCountParse(OrmParse*, OrmQuery*, const OrmJson*, int eFunc);

/* ========================================================================
** Interface to ext/read/cond.c, operator.c, value.c: a where, checked into a
** tree of conditions (cond.h; compare.c and where.c make SQL of it)
** ===================================================================== */
/* 0 if there is nothing to ask (or an error).  nDepth: relationships between
** the root and the model. */
const OrmCond *ormCondParse(OrmParse*, OrmModel*, const OrmJson*, int nDepth);
/* A value of a field as given in JSON, converted by the field's type (boolean,
** blob, date): its position in the binds, or -1 and an error. */
int ormFieldBind(OrmBinds*, const OrmField*, const OrmJson*);
/* The same in a key: a value that the field's type would not take is sought as
** it stands. */
int ormKeyBind(OrmBinds*, const OrmField*, const OrmJson*);
/* Is z[n], NUL-terminated, an ISO-8601 day of the calendar, with (bTime) a time
** and a zone behind it if there are? */
int ormDateText(const char *z, i64 n, int bTime);
/* The bytes of base64 text, padded or not, of either alphabet; 0 if it is none
** (or out of memory). */
char *ormBase64Read(OrmArena*, const char *z, i64 n, int *pnOut);

/* ========================================================================
** Interface to ext/read/sql.c, where.c, select.c, order.c: a query as SQL
**
** All render for one alias of the model's table; values go to the binds and
** the text says ?N with N counted from binds position + iFirst.  Aliases that
** they need are t<nAlias> and up: callers take theirs from there too.
** ===================================================================== */
typedef struct OrmSql OrmSql;
struct OrmSql {                 /* a statement's text under construction      */
  Orm *pOrm;
  OrmBuf buf;
  OrmBinds binds;
  int iFirst;                   /* ?N of binds.a[0]                           */
  int nAlias;                   /* next free alias number: t<n>               */
  int iStretch;                 /* ormSelectSql(): this stretch alone, from   */
                                /*   1; 0: all rows                           */
  u8 bInSeek;                   /* ormSqlInSeek() has been told of an IN      */
  u8 bWhole;                    /* conditions are asked of all rows           */
  u8 bInBeside;                 /* the conditions have one (before 3.45)      */
};
void ormSqlInit(OrmSql*, Orm*, OrmArena*, int iFirst);
void ormSqlFree(OrmSql*);                            /* the text              */
void ormSqlParam(OrmSql*, int iBind);                /* ?N                    */
void ormSqlLimit(OrmSql*, i64 nLimit, i64 nOffset);
void ormSqlAlias(OrmSql*, char zAlias[16]);          /* a fresh t<n>          */
void ormSqlAliasOf(int n, char zAlias[16]);          /* t<n> again            */
/* "main"."table" AS <alias> */
void ormSqlTable(OrmSql*, const char *zTable, const char *zAlias);
/* There is an IN (SELECT ..) over these columns.  Then, if its rows are ordered
** and limited, what follows the FROM clause that ends at iFrom; if their min or
** max is asked for, what follows the function that ends at iFunc. */
void ormSqlInSeek(OrmSql*, const OrmModel*, int nField, const int *aField);
void ormSqlInLimited(OrmSql*, i64 iFrom);
void ormSqlInLeast(OrmSql*, i64 iFunc);
void ormSqlInColumn(OrmSql*, const char *zAlias, const OrmField*, int n,
                    char cOther);
void ormSqlLinked(OrmSql*, const OrmRel*, const char *zChild);
int ormSqlInFew(OrmSql*, const OrmModel*); /* must ranges shun an index?      */
int ormSqlInIsWell(void);                 /* does it need none of that?       */
/* " AND <alive>": the soft-delete rule alone; nothing if there is none. */
void ormDeletedSql(OrmSql*, const OrmModel*, int eDeleted, const char *zAlias);
/* "a.x = b.y AND .." joining a relationship: zParent is the alias of pModel's
** table, zChild of pTarget's.  Many-to-many: as an IN over the link. */
void ormRelJoinSql(OrmSql*, const OrmRel*, const char *zParent,
                   const char *zChild);
/* "child AS zChild", with the link table in front as zLink; and what joins
** either to zParent. */
void ormRelFromSql(OrmSql*, const OrmRel*, const char *zLink,
                   const char *zChild);
void ormRelLinkSql(OrmSql*, const OrmRel*, const char *zParent,
                   const char *zLink, const char *zChild);
/* count.c: the number of a relationship's targets where no index leads to them;
** 0, and nothing is written, where one does. */
int ormTallySql(OrmSql*, const OrmRel*, const char *zAlias, int eDeleted);
/* sample.c: would a list of the related rows that meet a condition be made
** sooner than each row's own are asked for, up to the first that does?  Told by
** a few rows: "(..) AS <alias>" of OrmSqls whose binds begin at ?2. */
void ormSampleFrom(OrmSql*, const OrmRel*, const char *zAlias);
#define ORM_SAMPLE_MOST 1000    /* rows that the first may count at a place   */
int ormSampleList(Orm*, const OrmModel*, OrmSql *pFan, OrmSql *pHit);
/* where.c: may a to-one relationship have several targets?  May what refers by
** a relationship (its model or, if it is not bForeign, its target) find several
** rows on the other side? */
int ormRelSeveral(const OrmRel*);
int ormRelVague(const OrmRel*);
/* " AND <no target comes before zChild>" for a to-one relationship without a
** UNIQUE key, of whose targets the one with the least key counts (L9). */
void ormRelFirstSql(
  OrmSql*, const OrmRel*, const char *zParent, const char *zChild, int eDeleted
);
/* " AND (...)" for the where, the soft-delete rule and the cursors of a query;
** nothing if there is none. */
void ormWhereSql(OrmSql*, const OrmQuery*, const char *zAlias);
/* The same for a bare checked where over a model (a _count's, a some's). */
void ormConditionSql(OrmSql*, OrmModel*, const OrmCond*, int eDeleted,
                     const char *zAlias);

/* read/select.c: " FROM "main"."t" AS <alias> WHERE .. ORDER BY .. LIMIT ..":
** the rows that a query asks for, in its order, without what stands before. */
void ormSelectSql(OrmSql*, const OrmQuery*, const char *zAlias);
/* The rows can be had by so many statements one after the other, each its own
** stretch (OrmSql.iStretch) and the limit their last value; 0: by one. */
int ormSelectParts(const OrmQuery*);
/* "SELECT EXISTS(..)": has the query any rows, whatever its limit?  mNot: not
** those after the cursor, not those before it. */
enum { ORM_NOT_AFTER = 1, ORM_NOT_BEFORE = 2 };
void ormExistsSql(OrmSql*, const OrmQuery*, int mNot);

struct OrmOrder {               /* e.g. author.country.name, or a _count      */
  int nHop; OrmRel **apHop;     /* to-one relationships on the way            */
  OrmModel *pModel;             /* where they lead                            */
  int iField;                   /* of pModel; -1: a count of                  */
  OrmRel *pCount;               /*   this relationship of pModel              */
  u8 bDesc;
  u8 bNullsLast;                /* resolved: default is first, last with desc */
  u8 bNotNull;                  /* never NULL                                 */
  u8 eDeleted;                  /* what the subqueries see                    */
  int iJoined;                  /* 0, or 1 + the number of an alias: the path */
                                /*   has been joined, and this is its end     */
};
/* The order of a query: pNode its order_by or 0.  Fills nOrder, aOrder,
** bOrdered. */
void ormOrderParse(OrmParse*, OrmQuery*, const OrmJson *pNode);
/* " ORDER BY a, b DESC"; the other way round. */
void ormOrderSql(OrmSql*, const OrmQuery*, const char *zAlias);
void ormOrderBackSql(OrmSql*, const OrmQuery*, const char *zAlias);
/* " LEFT JOIN .." for the terms with a path, if they can be had so: to be added
** to the FROM of zAlias, and a copy of the terms that know it. */
OrmOrder *ormOrderJoinSql(OrmSql*, const OrmQuery*, const char *zAlias);
/* By the terms from iFrom on, the first of which may be NULL or not. */
void ormOrderRestSql(OrmSql*, const OrmQuery*, const char *zAlias, int iFrom,
                     int bNull);
/* What stands behind a term: " DESC NULLS LAST" .. */
void ormOrderWordsSql(OrmSql*, const OrmOrder*, int bReverse);
/* One term's expression, without direction. */
void ormOrderTermSql(OrmSql*, const OrmOrder*, const char *zAlias);
/* The order values of a row, as result columns for its cursor: ", e1, e2"
** (nOrder of them). */
void ormOrderColumns(OrmSql*, const OrmQuery*, const char *zAlias);

/* ========================================================================
** Interface to ext/read/cursor.c: places in an ordered result
** ===================================================================== */
struct OrmCursor {              /* the order values of a row                  */
  int n;                        /* nOrder                                     */
  struct OrmBind *a;
};
/* What tells a query's cursors: a hash of its model and order. */
u64 ormCursorOrder(const OrmQuery*);
/* The cursor text of the row whose order values (ormOrderColumns) these are:
** plain characters A-Z a-z 0-9 - _ , no quoting needed. */
void ormCursorText(OrmBuf*, const OrmQuery*, const struct OrmBind*);
i64 ormCursorLength(const char *z, i64 n);   /* of such characters at z       */
/* Back again: 0 and an error if it is no cursor of this model and order. */
const OrmCursor *ormCursorParse(OrmParse*, const OrmQuery*, const OrmJson*);
/* " AND (...)": rows beyond the query's cursors. */
void ormCursorSql(OrmSql*, const OrmQuery*, const char *zAlias);
/* Where no single condition bounds them in an index, the rows beyond are so
** many stretches, in this order (0: there is no need); " AND .." of one. */
int ormStretchCount(const OrmQuery*);
void ormStretchSql(OrmSql*, const OrmQuery*, const char *zAlias, int iStretch,
                   int *piBind);
int ormStretchAlone(OrmSql*, const OrmQuery*, const char *zAlias, int iStretch,
                    int *pbNull);

/* ========================================================================
** Interface to ext/read/key.c: which object
** ===================================================================== */
struct OrmKeyRef {              /* fields and the values that name one object */
  OrmModel *pModel;
  const OrmUnique *pUnique;     /* which unique key; 0: the primary key       */
  int n; const int *aField;
  int iBind;                    /* first of n values in the binds             */
};
/* A key in any of its forms (scalar, JSON array, JSON object): 1, or 0 and an
** error (in the binds' arena's pErr).  A text that is both a single text key
** and JSON is the former if an object has it. */
int ormKeyParse(Orm*, OrmKeyRef*, OrmBinds*, OrmModel*, sqlite3_value*);
/* The same of an array or an object alone. */
int ormKeyFromJson(Orm*, OrmKeyRef*, OrmBinds*, OrmModel*, const OrmJson*);
/* "a = ?1 AND ..": at most one row. */
void ormKeySql(OrmSql*, const OrmKeyRef*, const char *zAlias);
/* The primary key of the object that a key in any form names, as values in
** the binds: position of the first of nKey, or -1 if there is none (or an
** error). */
int ormKeyFind(Orm*, OrmBinds*, OrmModel*, sqlite3_value*);
/* Is the row there?  Of a model whose key is the rowid. */
int ormRowidIsThere(Orm*, OrmErr*, OrmModel*, i64 iRowid);

/* ========================================================================
** Interface to ext/read/plan.c, load.c, object.c: objects out of rows
** ===================================================================== */
/* The plan of a query text over a model, from the cache or made.  mParts as
** ormQueryParse().  Held until ormPlanRelease(). */
OrmPlan *ormPlanGet(Orm*, OrmErr*, OrmModel*, const char *zQuery, i64 nQuery,
                    int mParts);
/* Beside the parts: no more rows than 1, or 2, are wanted. */
enum { ORM_PLAN_FIRST = 1<<16, ORM_PLAN_ONLY = 1<<17 };
void ormPlanRelease(Orm*, OrmPlan*);
OrmQuery *ormPlanQuery(OrmPlan*);
/* Affinity and collation of a column of a relationship's link table. */
void ormLinkColumn(Orm*, const OrmRel*, const char *zCol, char *pcAff,
                   const char **pzColl);
/* The root's objects, in order: all into one JSON array (returns how many),
** or those of given keys. */
i64 ormLoadAll(Orm*, OrmErr*, OrmPlan*, OrmBuf *pOut);
/* The first object; returns how many there are, as far as was looked. */
i64 ormLoadFirst(Orm*, OrmErr*, OrmPlan*, OrmBuf *pOut);
/* One object by key: 1 and the object, or 0. */
int ormLoadOne(Orm*, OrmErr*, OrmPlan*, OrmModel*, sqlite3_value *pKey,
               OrmBuf *pOut);
/* Objects whose keys are listed, in the list's order; unknown keys are passed
** over. Keys are of the model's own key (nKey columns). */
i64 ormLoadKeys(Orm*, OrmErr*, OrmPlan*, const OrmKeys*, OrmBuf *pOut);
/* The same, each object by itself: i is its position in the list.  Unknown
** keys are not called for. */
typedef void (*OrmObject)(void *pArg, int i, const char *z, i64 n);
void ormLoadEach(Orm*, OrmErr*, OrmPlan*, const OrmKeys*, OrmObject, void*);
/* The keys of the root's rows, in order: nKey values each, added to pOut. */
i64 ormLoadRootKeys(Orm*, OrmErr*, OrmPlan*, OrmBinds *pOut);
/* Streamed: rows one by one, loaded ahead in batches that grow. */
typedef struct OrmStream OrmStream;
enum { ORM_STREAM_OBJECT = 1, ORM_STREAM_CURSOR = 2 };
OrmStream *ormStreamOpen(Orm*, OrmErr*, OrmPlan*);   /* wants both            */
OrmStream *ormStreamOpenFor(Orm*, OrmErr*, OrmPlan*, int mWant);
/* The row of a key in any form, if the query's where takes it. */
OrmStream *ormStreamOpenKey(Orm*, OrmErr*, OrmPlan*, int mWant, sqlite3_value*);
/* So many rows are likely wanted, and no more: before the first. */
void ormStreamExpect(OrmStream*, i64 nRow);
int ormStreamNext(OrmStream*, OrmErr*);              /* 1: a row is there     */
/* JSON of the row, NUL-terminated, valid until the next; 0 after an error. */
const char *ormStreamObject(OrmStream*, OrmErr*, i64 *pn);
int ormStreamKeyCount(OrmStream*);
void ormStreamKey(OrmStream*, OrmBuf*);      /* as JSON: a scalar or an array */
/* The same as values, nKey of the model; valid until the next row. */
const struct OrmBind *ormStreamKeyValues(OrmStream*);
void ormStreamCursor(OrmStream*, OrmErr*, OrmBuf*);  /* its cursor text       */
/* What that is made of, nOrder of the query; valid until the next row. */
const struct OrmBind *ormStreamOrder(OrmStream*);
void ormStreamClose(OrmStream*);                     /* the plan stays taken  */
/* Each statement that a plan would run, with SQLite's own query plan of it. */
typedef void (*OrmExplained)(void*, const char *zSql, const char *zPlan);
void ormExplain(Orm*, OrmErr*, OrmPlan*, OrmExplained, void*);
/* How many objects the query gives (limit, offset, cursors honoured), and how
** many its where alone has. */
i64 ormCountRows(Orm*, OrmErr*, OrmPlan*);           /* orm_count             */
i64 ormExistsRow(Orm*, OrmErr*, OrmPlan*);           /* 1 or 0                */
i64 ormCountTotal(Orm*, OrmErr*, OrmPlan*);          /* total of orm_page     */

/* ========================================================================
** Interface to ext/read/page.c
** ===================================================================== */
/* orm_page(): items, page_info and, if the query asks, total. */
void ormPage(Orm*, OrmErr*, OrmPlan*, OrmBuf *pOut);

/* ========================================================================
** Interface to ext/read/step.c: the steps of a path
** ===================================================================== */
#define ORM_STEP_ONE   (-1)     /* levels of a step without a star            */
#define ORM_STEP_ALL   0        /* "*"                                        */
#define ORM_STEP_NONE  (-2)     /* "*0"                                       */
/* The relationship of the step z[*pn], or 0.  *pn becomes the bytes of its name
** and *pnLevel the number behind its star, or one of these. */
OrmRel *ormStepFind(Orm*, OrmErr*, OrmModel*, const char *z, i64 *pn,
                    i64 *pnLevel);
/* The bytes of the first step of a path: the longest part before a dot, or all,
** that is a relationship, or what stands before the first dot. */
i64 ormStepLength(Orm*, OrmErr*, OrmModel*, const char *z, i64 n);

/* ========================================================================
** Interface to ext/read/path.c: a way from a model to a model
** ===================================================================== */
#define ORM_MAX_LEVELS 1000     /* of a counted star beside another star      */
typedef struct OrmHop OrmHop;
struct OrmHop {
  OrmRel *pRel;
  u8 bBack;                     /* walked from its target to its model        */
  u8 bStar;                     /* once or more                               */
  u16 mTexts;                   /* ormPathAsk()'s answer: columns that hold   */
                                /*   texts to be made numbers                 */
  int nMax;                     /*   but so often at most; 0: no end          */
};
typedef struct OrmPath OrmPath;
struct OrmPath {
  OrmModel *pFrom, *pTo;
  int nHop; OrmHop *aHop;       /* at least one                               */
  u8 bStar;                     /* there is a star                            */
};
/* 'posts.tags', 'children*3.posts': 0 and an error if it is no path. */
OrmPath *ormPathParse(Orm*, OrmArena*, OrmModel*, const char *z, i64 n);
OrmPath *ormPathReverse(OrmArena*, const OrmPath*);
int ormPathFolds(const OrmPath*);     /* may its join give a pair repeatedly? */
/* A column without a type that refers to numbers is sought by its index unless
** it holds texts, which a join makes numbers: ask whether it does, before any
** SQL is made.  1 if that has changed since it was asked before. */
int ormPathAsk(Orm*, OrmErr*, OrmPath*);
OrmModel *ormHopFrom(const OrmHop*);
OrmModel *ormHopTo(const OrmHop*);
/* " CROSS JOIN .. AS <zFar> ON ..": from a row, or from a row of orm_keys. */
void ormHopSql(OrmSql*, const OrmHop*, const char *zNear, const char *zFar,
               int eDeleted);
void ormHopKeysSql(OrmSql*, const OrmHop*, const char *zKeys, const char *zFar,
                   int eDeleted);
void ormKeyColumnsSql(OrmBuf*, const OrmModel*, const char *zAlias);

/* ========================================================================
** Interface to ext/read/keyset.c: sets of keys, numbered
** ===================================================================== */
typedef struct OrmKeySet OrmKeySet;
struct OrmKeySet {
  OrmArena arena;
  int nCol;                     /* values in a key                            */
  int n;                        /* keys                                       */
  OrmBinds key;                 /* nCol values each                           */
  u32 nSlot, *aSlot;
};
void ormKeySetInit(OrmKeySet*, OrmErr*, int nCol);
void ormKeySetFree(OrmKeySet*);                      /* may be used again     */
void ormKeySetClear(OrmKeySet*);                     /* n = 0, cheaply        */
/* The number of a key, which is added if it is new; -1 and an error. */
int ormKeySetAdd(OrmKeySet*, sqlite3_value **apVal, int *pbNew);
int ormKeySetPut(OrmKeySet*, const struct OrmBind*, int *pbNew);
int ormKeySetFind(const OrmKeySet*, const struct OrmBind*);  /* or -1         */
const struct OrmBind *ormKeySetKey(const OrmKeySet*, int i);
/* A value as a bind that points into it. */
void ormBindView(OrmErr*, struct OrmBind*, sqlite3_value*);
int ormBindSame(const struct OrmBind*, const struct OrmBind*);
int ormBindCopy(OrmBinds*, const struct OrmBind*);  /* as ormBindText() ..    */
/* A key as a value: the scalar, or a JSON array. */
void ormKeyResult(sqlite3_context*, const OrmModel*, const struct OrmBind*);

/* ========================================================================
** Interface to ext/read/reach.c: what a path reaches from an object
** ===================================================================== */
typedef struct OrmReach OrmReach;
typedef struct OrmHit OrmHit;
struct OrmHit { int iKey, nDepth; };  /* depth: hops of the shortest way      */
/* pPath and the error must outlive it; eDeleted: who is passed on the way. */
OrmReach *ormReachNew(Orm*, OrmErr*, const OrmPath*, int eDeleted);
void ormReachFree(OrmReach*);
/* Walk from the object with this key: how many were reached.  They are told in
** the order in which they were reached, until the next walk. */
int ormReachFrom(OrmReach*, const struct OrmBind *aKey);
const OrmHit *ormReachHits(const OrmReach*);
const struct OrmBind *ormReachKey(const OrmReach*, int iHit);

/* ========================================================================
** Interface to ext/read/related.c: orm_related()
** ===================================================================== */
typedef struct OrmRelated OrmRelated;
struct OrmRelated {             /* the objects, in the order reached          */
  OrmArena arena;
  OrmModel *pModel;
  int n;
  struct OrmRelatedRow {
    int nDepth;
    const struct OrmBind *aKey;
    i64 iObject, nObject;       /* in objects                                 */
  } *a;
  OrmBuf objects;
  OrmCatalog *pCatalog;         /* holds pModel                               */
};
/* z..: may be 0 for the query.  bObjects: the objects are wanted.  Always to
** be closed. */
void ormRelatedOpen(Orm*, OrmErr*, OrmRelated*, const char *zModel,
  sqlite3_value *pKey, const char *zPath, sqlite3_value *pQuery, int bObjects);
void ormRelatedClose(OrmRelated*);

/* ========================================================================
** Interface to ext/read/link.c: orm_link(), the pairs of keys along a path
** ===================================================================== */
enum { ORM_LINK_ALL, ORM_LINK_EQ, ORM_LINK_IN };     /* what is asked of an   */
typedef struct OrmLinkEnd OrmLinkEnd;                /*   end                 */
struct OrmLinkEnd {
  u8 eAsk;
  sqlite3_value *pVal;          /* EQ: the key; IN: for sqlite3_vtab_in_*()   */
};
typedef struct OrmPairs OrmPairs;
OrmPairs *ormPairsNew(Orm*, OrmErr*);   /* 0: out of memory; OrmErr outlives  */
void ormPairsFree(OrmPairs*);
/* Begin; ormPairsNext() gives the first pair. aEnd: source, target. */
void ormPairsSeek(OrmPairs*, const char *zModel, const char *zPath,
                  const OrmLinkEnd aEnd[2]);
int ormPairsNext(OrmPairs*);            /* 1: there is a pair                 */
void ormPairsEndResult(OrmPairs*, sqlite3_context*, int iEnd);
int ormPairsDepth(const OrmPairs*);
i64 ormPairsRowid(OrmPairs*);           /* a hash of 64 bits                  */
/* How many pairs there are, targets of a source, sources of a target: for the
** query planner.  0 if it cannot be told. */
enum { ORM_PAIRS_ALL, ORM_PAIRS_TARGETS, ORM_PAIRS_SOURCES };
int ormPairsEstimate(Orm*, const char *zModel, const char *zPath,
                     double arRow[3]);

/* ========================================================================
** Interface to ext/read/aggregate.c, group.c: orm_aggregate
** ===================================================================== */
/* The groups as a JSON array. */
void ormAggregate(Orm*, OrmErr*, const char *zModel, i64 nModel,
                  const char *zQuery, i64 nQuery, OrmBuf *pOut);

/* ========================================================================
** Interface to ext/write/rules.c: what the delete of a row means for others
**
** Rules are nodes (tables, mapped or not) and edges: "when a row of pFrom goes,
** its rows of pTo are deleted, unlinked, nullified or forbid it".  An edge is a
** relationship or, where no relationship speaks, a declared foreign key.  They
** are compiled once a catalog, on demand, and never change; both the planner
** and the triggers of orm_enforce() are made from them.
** ===================================================================== */
typedef struct OrmRules OrmRules;
typedef struct OrmNode OrmNode;
typedef struct OrmEdge OrmEdge;
typedef struct OrmColumn OrmColumn;
struct OrmColumn {
  const char *zName;
  const char *zColl;
  const char *zDefault;         /* DEFAULT if it is a literal, else 0         */
  int iKey;                     /* 1.. place in the PRIMARY KEY, 0: not in it */
  char cAff;                    /* as OrmField.cAff                           */
  u8 bNotNull;
  u8 bExpr;                     /* DEFAULT is there and no literal            */
  u8 bHidden;                   /* generated                                  */
};
struct OrmNode {
  OrmRules *pRules;
  OrmNode *pNext;               /* rules.c: of those with one hash            */
  const char *zTable;
  OrmModel *pModel;             /* the first over the table, or 0             */
  int nModel; OrmModel **apModel;   /* all models over it                     */
  OrmModel *pSoft;              /* the first that has soft_delete, or 0       */
  int iNode;
  int nCol; OrmColumn *aCol;
  const char *zRowid;           /* a name of the rowid, or 0: the key it is   */
  int iRowid;                   /* column that is the rowid, or -1            */
  int nId; const char **azId;   /* what tells rows apart: the rowid, or key   */
  int nKey; const int *aKey;    /* columns of the key to show; 0: the rowid   */
  u8 bLink;                     /* some relationship's secondary              */
  u8 bEdges;                    /* pEdge is there                             */
  OrmEdge *pEdge;               /* what leaves this node                      */
  u8 bRipples;                  /* pRipple is there                           */
  OrmEdge *pRipple;             /* foreign keys to it, by their ON UPDATE     */
};
enum {                          /* what becomes of pTo's rows                 */
  ORM_EDGE_DELETE, ORM_EDGE_UNLINK, ORM_EDGE_NULLIFY, ORM_EDGE_DEFAULT,
  ORM_EDGE_RESTRICT
};
enum {                          /* why a nullify is forbidden                 */
  ORM_BLOCK_NONE, ORM_BLOCK_NOTNULL, ORM_BLOCK_KEY, ORM_BLOCK_DEFAULT
};
enum { ORM_OPEN_NOT, ORM_OPEN_NULL, ORM_OPEN_SELF };
struct OrmEdge {
  OrmEdge *pNext;               /* of the same pFrom                          */
  OrmNode *pFrom, *pTo;
  const char *zName;            /* its step in a path                         */
  OrmRel *pRel;                 /* or 0: a declared foreign key               */
  u8 eAction;                   /* ORM_EDGE_*                                 */
  u8 bRefers;                   /* pTo's rows hold the reference              */
  u8 bSoft;                     /* followed too when pFrom's row is not gone  */
                                /*   for good, but soft-deleted               */
  u8 eBlock;                    /* ORM_BLOCK_*: cannot be set NULL            */
  u8 eOpen;                     /* ORM_OPEN_*: how rows that go let go of one */
                                /*   another                                  */
  u8 eForeign;                  /* 1 + ORM_FK_* of a declared foreign key on  */
                                /*   just these columns, 0: none              */
  int n; const int *aFrom, *aTo;         /* joined columns; without pVia      */
  OrmNode *pVia;                /* the link table between, or 0               */
  int nVia; const int *aViaFrom, *aViaTo; /* its columns: n to pFrom's aFrom, */
                                /*   nVia to pTo's aTo                        */
  const char *zFind; int nFind; /* cascade.c's statement: rows at the end     */
  const char *zDrop; int nDrop; /* apply.c's: delete them                     */
};
OrmRules *ormRulesGet(Orm*, OrmErr*, OrmCatalog*);   /* kept by the Orm       */
OrmRules *ormRulesRef(OrmRules*);      /* keep them while a cascade is made   */
void ormRulesUnref(OrmRules*);
void ormRulesFree(Orm*);
OrmNode *ormNodeFind(OrmErr*, OrmRules*, const char *zTable);
OrmEdge *ormNodeEdges(OrmErr*, OrmNode*);            /* compiled on first use */
/* What refers to rows that let go of what they refer to, by the same columns:
** by ON UPDATE it lets go too, or forbids it.  Do the columns of an edge touch
** what a ripple refers to?  Do they when rows that stay let go by it? */
OrmEdge *ormNodeRipples(OrmErr*, OrmNode*);
int ormEdgeTouches(const OrmEdge*, const OrmEdge *pRipple);
int ormEdgeMeets(const OrmEdge*, const OrmEdge *pRipple);
/* Keep a statement's text with the rules, as zFind or (bDrop) zDrop. */
void ormEdgeKeep(OrmErr*, const OrmEdge*, int bDrop, OrmBuf*);
/* Are there triggers of orm_enforce? */
int ormRulesEnforced(OrmRules*, OrmErr*);
/* SQL text: "<alias>.<id>, .." and the joins of an edge between two aliases. */
void ormNodeIds(OrmBuf*, const OrmNode*, const char *zAlias);
void ormEdgeJoin(OrmBuf*, const OrmEdge*, const char *zFrom, const char *zTo);
/* May IN, or a value without a type, stand for the = of a direct edge: same
** collations, and types that compare alike and let it use an index? */
int ormEdgePlain(const OrmEdge*);
/* Have two edges to one table a column of it in common? */
int ormEdgeShares(const OrmEdge*, const OrmEdge*);
/* " SET .." that lets go of an edge whose eOpen is not ORM_OPEN_NOT. */
void ormEdgeOpenSql(OrmBuf*, const OrmEdge*);
void ormSoftDeletedSql(OrmBuf*, const OrmModel*, const char *zAlias);
/* ", f = .." for every field that changes with any change of a row: version,
** updated_at, which is parameter ?iNow. */
void ormTouchSql(OrmBuf*, const OrmModel*, int iNow);

/* ========================================================================
** Interface to ext/write/cascade.c: what a delete does, as a plan made before
** the first write (C21-C84), and carried out set-based, a level at a time
**
**     OrmCascade *p = ormCascadeNew(pOrm, pErr, pCatalog, &arena);
**     ormCascadeAdd(p, pModel, &keys, 0, "");      any number of times
**     ormCascadePlan(p, 0);
**     n = ormCascadeRun(p);                        inside an anchor
**     ormCascadeFree(p);                           always
** ===================================================================== */
typedef struct OrmCascade OrmCascade;
OrmCascade *ormCascadeNew(Orm*, OrmErr*, OrmCatalog*, OrmArena*);
/* Values, statements: what is not in the arena.  0 is allowed. */
void ormCascadeFree(OrmCascade*);
/* Soft-deleted objects are roots too, and all goes for good. */
void ormCascadeForGood(OrmCascade*);
/* Add roots: objects by their keys; pLeft: the relationship, from either end,
** by which they have left somebody, who is not deleted with them (C37, C50), or
** 0.  May be called many times.  Returns how many were there and no root yet.
*/
i64 ormCascadeAdd(OrmCascade*, OrmModel*, OrmKeys*, const OrmRel *pLeft,
                  const char *zPath);
/* Make the plan: finds all rows.  A restrict or an impossibility is an error
** that names path and rows (unless bPreview). */
void ormCascadePlan(OrmCascade*, int bPreview);
/* Carry it out, inside an anchor; rows written. */
i64 ormCascadeRun(OrmCascade*);
/* The plan as rows of orm_delete_plan, to xRow in order.  pKey is an
** unprotected value of the row's key. */
typedef void (*OrmPlanRow)(void*, int iStep, const char *zAction,
  const char *zModel, const char *zTable, sqlite3_value *pKey,
  const char *zKeyJson, i64 nKeyJson, const char *zPath);
void ormCascadeShow(OrmCascade*, OrmPlanRow, void*);
/* apply.c: foreign keys deferred or no more; what it was. */
int ormForeignKeysDefer(Orm*, OrmErr*, int bOn);

/* ========================================================================
** Interface to ext/write/delete.c: deletes asked for
** ===================================================================== */
/* orm_delete: the object and its cascades, all or nothing: 1, or 0 if there is
** no such object.  orm_delete_many: number of root objects. */
int ormDelete(Orm*, OrmErr*, const char *zModel, i64 nModel,
              sqlite3_value *pKey);
/* An object with NULL in its key is neither changed nor deleted (C91), since
** nothing tells it from others: an error if one of n keys has one. */
void ormKeysNotNull(OrmErr*, const OrmModel*, i64 n, const struct OrmBind*);
i64 ormDeleteMany(Orm*, OrmErr*, const char *zModel, i64 nModel,
                  const char *zQuery, i64 nQuery);
void ormDeletePlan(Orm*, OrmErr*, const char *zModel, i64 nModel,
                   sqlite3_value *pKey, OrmPlanRow, void*);

/* ========================================================================
** Interface to ext/write/softdelete.c
** ===================================================================== */
/* orm_restore: 1, or 0 if there is no such soft-deleted object. */
int ormRestore(Orm*, OrmErr*, const char *zModel, i64 nModel,
               sqlite3_value *pKey);

/* ========================================================================
** Interface to ext/write/enforce.c: the delete rules as triggers in the file
**
** The triggers are named orm_enforce_<table>.  While they work, and while an
** ORM delete works, row 2 of orm_state is there: the guard that keeps them
** from doing the work twice.  Rows from 3 on are their work table.
** ===================================================================== */
/* orm_enforce(1 | 0): number of triggers made, or removed. */
int ormEnforce(Orm*, OrmErr*, int bOn);
/* Make them again if they are there (orm_define's last step). */
void ormEnforceRefresh(Orm*, OrmErr*);
/* For orm_check: each trigger that is missing, left over or not what would be
** made now: its name, its table's model (or 0) and which of the three. */
typedef void (*OrmDrift)(void*, const char *zTrigger, const char *zModel,
                         const char *zWhat);
void ormEnforceDrift(Orm*, OrmErr*, OrmCatalog*, OrmDrift, void*);

/* ========================================================================
** Interface to ext/write/save.c: writes of object graphs
**
** One call writes one document, all or nothing, in every context.  unit.c's
** head comment tells how; write/unit.h what its rooms share.
** ===================================================================== */
/* How a graph is meant. */
enum {
  ORM_WRITE_CREATE,             /* INSERT: every root is new                  */
  ORM_WRITE_SAVE,               /* merge by key or natural key                */
  ORM_WRITE_IGNORE,             /* create, passing over existing roots        */
  ORM_WRITE_UPDATE              /* patch of the object named by a key         */
};
enum { ORM_WRITE_ONE, ORM_WRITE_MANY, ORM_WRITE_EITHER };
typedef struct OrmWrite OrmWrite;
struct OrmWrite {
  const char *zModel; i64 nModel;
  u8 eMode;                     /* ORM_WRITE_CREATE ..                        */
  u8 eMany;                     /* an object is given, an array, either       */
  const char *zObject; i64 nObject;          /* the document                  */
  sqlite3_value *pKey;          /* UPDATE: of the object to change; else the  */
                                /*   new object's key, or 0                   */
  const struct OrmBind *aKey;   /* UPDATE: its values, as stored, instead     */
  int nRaw; const int *aRaw;    /* fields of the one object whose values      */
  sqlite3_value **apRaw;        /*   stand here, not in the document          */
  const char *zQuery; i64 nQuery;            /* the shape of pOut's object;   */
                                /*   0: what the document wrote               */
  OrmBuf *pOut;                 /* OUT: the object as stored, or 0: not asked */
  i64 nRoot;                    /* OUT: root objects (IGNORE: created ones)   */
  i64 nPassed;                  /* OUT: IGNORE: objects passed over           */
  u8 bConflict;                 /* OUT: it failed for a key that is taken     */
  u8 bCreated;                  /* OUT: the last root was inserted            */
  u8 bRowid; i64 iRowid;        /* OUT: it has an integer key                 */
  i64 iCreated;                 /* OUT: how many roots were inserted          */
};
void ormWrite(Orm*, OrmErr*, OrmWrite*);
extern const sqlite3_module ormRowsModule;   /* bulk.c's rows                 */
/* orm_update_many: number of objects that the query finds. */
i64 ormUpdateMany(Orm*, OrmErr*, const char *zModel, i64 nModel,
  const char *zQuery, i64 nQuery, const char *zChanges, i64 nChanges);

#endif /* ORM_INT_H */
