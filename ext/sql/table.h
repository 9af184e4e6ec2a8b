/*
** A model table, CREATE VIRTUAL TABLE people USING orm(User): what its rooms
** share.
**
**     table.c          the module: create, connect, disconnect, rename
**     table_columns.c  a model's columns, and what they stand for now
**     table_plan.c     xBestIndex, and the plan that an idxStr stands for
**     table_sql.c      the inner statement of a plan
**     table_read.c     the cursor
**     table_load.c     objects and relationships, loaded in batches
**     table_write.c    xUpdate
**
** The columns are declared once, when the table is connected, and keep their
** numbers.  What they stand for is a shape: one reading of the model out of one
** catalog.  When the catalog moves on a new shape is made for the same columns;
** cursors keep the one that they began with.
*/
#ifndef ORM_TABLE_H
#define ORM_TABLE_H
#include "../orm_int.h"

typedef struct OrmModelTable OrmModelTable;
typedef struct OrmTableColumn OrmTableColumn;
typedef struct OrmTableShape OrmTableShape;
typedef struct OrmTablePlan OrmTablePlan;
typedef struct OrmTableTerm OrmTableTerm;
typedef struct OrmTableCursor OrmTableCursor;
typedef struct OrmTableBatch OrmTableBatch;

enum {                          /* what a column is                           */
  ORM_TABLE_FIELD,              /* a field of the model                       */
  ORM_TABLE_SECRET,             /* a hidden field: written, never read        */
  ORM_TABLE_QUERY,              /* the table's argument                       */
  ORM_TABLE_KEY,                /* the key, where it is not the rowid         */
  ORM_TABLE_OBJECT,             /* the object as JSON                         */
  ORM_TABLE_RELATION,           /* a relationship as JSON                     */
  ORM_TABLE_TARGET              /* author__name: a field of a to-one target   */
};
struct OrmTableColumn {
  const char *zName;
  u8 eKind;                     /* ORM_TABLE_*                                */
  u8 bGone;                     /* declared, but the model has it no more     */
  u8 bPush;                     /* compares inside as it does outside         */
  char cAff; const char *zColl; /* as declared                                */
  int iField;                   /* FIELD, SECRET, KEY of one field: of the    */
                                /*   model; TARGET: of the target; else -1    */
  OrmRel *pRel;                 /* RELATION, TARGET                           */
};

struct OrmTableShape {
  int nRef;
  Orm *pOrm;
  OrmErr err;
  OrmArena arena;
  OrmCatalog *pCatalog;         /* held                                       */
  OrmModel *pModel;
  int nCol; OrmTableColumn *aCol;
  int iQuery, iKey, iObject;    /* columns, or -1                             */
  double nRow;                  /* rows of the base table, as far as known    */
  double **apStat;              /* of each index: rows that share the first   */
                                /*   1, 2 .. columns                          */
  int nPlan; OrmTablePlan *pPlan;            /* newest first                  */
};

struct OrmModelTable {
  sqlite3_vtab base;
  Orm *pOrm;
  char *zModel;
  char *zBroken;                /* why this only stands in, or 0              */
  OrmTableShape *pShape;        /* the newest; 0 where zBroken                */
  OrmTableShape *pDeclared;     /* the one whose columns were declared        */
  /* the file as it was when pShape was last known to hold */
  u32 iDataVersion;
  i64 nChange;
  u8 bChecked;
  u8 bMain;                     /* it stands in schema main                   */
  OrmTableCursor *pSpare;       /* closed, on a plan of pShape, or 0          */
};

/* table_columns.c */
OrmTableShape *ormTableShapeNew(Orm*, OrmErr*, OrmCatalog*, OrmModel*);
void ormTableShapeUnref(OrmTableShape*);
/* The CREATE TABLE for sqlite3_declare_vtab(). */
void ormTableDeclare(OrmBuf*, const OrmTableShape*, int bCollate);
/* The shape that holds now, not counted; 0 and an error if the model is
** broken.  bRead: the statement that asks has begun to read the table's schema,
** as in xFilter. */
OrmTableShape *ormTableShape(OrmModelTable*, OrmErr*, int bRead);

/* table_plan.c: what xBestIndex decided, for xFilter.
**
** idxStr is what EXPLAIN QUERY PLAN shows, in the words of SQL; then " | " and
** the same for us, words of a letter and a number:
**
**     u<hex>    the columns used (colUsed)
**     1         at most one row
**     = < > l g equal, less, greater, less or equal, greater or equal: column
**     i         in a list        n  null         N  not null
**     s         is               h  H  the ends of a prefix
**     k b       like, glob
**     q         the argument of the table
**     + -       order by column, ascending or descending
**     t f       limit, offset
**
** Column -1 is the rowid.  Every word but u, 1, + and - takes an argument of
** xFilter, in order; a ~ before it says that SQLite checks it again. */
struct OrmTableTerm {
  char cOp;
  u8 bUnsure;                   /* checked again by SQLite                    */
  int iCol;
};
struct OrmTablePlan {
  OrmTablePlan *pNext;
  int nUse;                     /* cursors that are on it                     */
  u64 mUsed;                    /* colUsed                                    */
  u8 bOneRow, bUpdate;          /* an UPDATE: it may ask for any column       */
  u8 bQuery;                    /* has an argument of the table               */
  u8 bLimit;
  int nLoad;                    /* columns that are loaded                    */
  u32 mWeak;                    /* terms that are weakened                    */
  int nTerm; OrmTableTerm *aTerm;            /* those with an argument        */
  int nOrder; OrmTableTerm *aOrder;
  /* The inner statement's row: the key, then what else is used. */
  int nResult; int *aResult;    /* the columns; ~field for one of the key     */
  int *aPlace;                  /* of each column: where it stands, or -1     */
  int *aJoin;                   /* of a TARGET column: the alias t<n> of its  */
                                /*   target, or 0                             */
  int nSql; char *zSql;         /* the inner statement                        */
  OrmStmt *pIdle;               /* it, ready for the next cursor, or 0        */
  int nFeed; char *zFeed;       /* the same for many xFilters, or 0: see      */
                                /*   ormTableFeedSql()                        */
  char *zIdx;                   /* the idxStr that it was made from           */
};
int ormTableBestIndex(sqlite3_vtab*, sqlite3_index_info*);
/* The plan of an idxStr, its use counted; given back by ormTablePlanGive(). */
OrmTablePlan *ormTablePlanTake(OrmErr*, OrmTableShape*, const char *zIdx,
                               u32 mWeak);
void ormTablePlanGive(OrmTableShape*, OrmTablePlan*);
void ormTablePlansFree(OrmTableShape*);             /* those not in use */
/* The inner statement; pQuery is that of the table's argument, or 0. */
void ormTableSql(OrmSql*, const OrmTableShape*, const OrmTablePlan*,
                 const OrmQuery *pQuery);
/* "SELECT .. FROM orm_keys(?1) AS k LEFT JOIN <table> AS t0 ON ..": for a plan
** of one row, whose terms are equalities: one row for each key that the list is
** fed with, NULL if there is none.  Nothing is added if the plan is no such. */
void ormTableFeedSql(OrmSql*, const OrmTableShape*, const OrmTablePlan*);
/* "SELECT <column> FROM .. WHERE <key> = ?1 ..": what a plan left out. */
void ormTableLateSql(OrmSql*, const OrmTableShape*, int iCol);
/* table_sql.c, for table_plan.c: fill the three arrays above. */
void ormTableResults(const OrmTableShape*, OrmTablePlan*);
/* Field of the model that a column is (-1: the rowid), or -1. */
int ormTableField(const OrmTableShape*, int iCol);
char ormTableAffinity(const OrmTableShape*, int iCol);
/* A weakened term: is nothing left of it? */
int ormTableWeakIsGone(const OrmTableShape*, const OrmTableTerm*);
/* The operator in SQL, " = "; 0 if the letter is none. */
const char *ormTableOperator(char cOp, int *pbCompare);

/* table_read.c
**
** Where the present row is: in the inner statement (aRow is 0), or in aRow,
** nResult values of a batch or the key of a stream. */
struct OrmTableCursor {
  sqlite3_vtab_cursor base;
  OrmTableShape *pShape;        /* counted; 0 before the first xFilter        */
  u8 bOpened;                   /* pShape has not been looked at since xOpen  */
  OrmTablePlan *pPlan;          /* in use, or 0                               */
  OrmStmt *pStmt;               /* on loan, or 0                              */
  OrmKeys *pFeed;               /* pStmt is the plan's feed, or 0             */
  u8 bOwnSql;                   /* its text is not the plan's                 */
  u8 bEof;
  u8 bDone;                     /* the statement has no more rows             */
  u8 bLate;                     /* an object was asked for unexpectedly:      */
  u8 *abLate;                   /*   of which columns, or 0                   */
  i64 nRow;                     /* rows of this xFilter so far                */
  i64 nLimit;                   /* how many the statement gives; -1: all      */
  char *zQuery; i64 nQuery;     /* the table's argument, or 0                 */
  OrmPlan *pObject;             /* of the argument's query, or 0              */
  OrmStream *pStream;           /* rows come from it, or 0                    */
  OrmTableBatch *pBatch;        /* rows come through it, or 0                 */
  const struct OrmBind *aRow;
  OrmErr err;
  OrmArena arena;               /* lists of IN, values of the query           */
};
void ormTableSpareFree(OrmModelTable*);
int ormTableOpen(sqlite3_vtab*, sqlite3_vtab_cursor**);
int ormTableClose(sqlite3_vtab_cursor*);
int ormTableFilter(sqlite3_vtab_cursor*, int, const char*, int,
                   sqlite3_value**);
int ormTableNext(sqlite3_vtab_cursor*);
int ormTableEof(sqlite3_vtab_cursor*);
int ormTableColumn(sqlite3_vtab_cursor*, sqlite3_context*, int);
int ormTableRowid(sqlite3_vtab_cursor*, sqlite3_int64*);
/* The inner statement's next row: 1, or 0.  bMore: beyond a limit too. */
int ormTableStep(OrmTableCursor*, OrmErr*, int bMore);
/* The plan of the objects, made at first. */
OrmPlan *ormTableObjectPlan(OrmTableCursor*, OrmErr*);
/* The present row's key, nKey values, copied to an arena. */
void ormTableKey(OrmTableCursor*, OrmBinds*);

/* table_load.c: how many columns does the plan use that are loaded?  A batch
** for them and for those of abLate. */
int ormTableLoads(const OrmTableShape*, const OrmTablePlan*);
OrmTableBatch *ormTableBatchNew(OrmTableCursor*, OrmErr*);
void ormTableBatchFree(OrmTableBatch*);
/* The next row: its values, or 0 at the end. */
const struct OrmBind *ormTableBatchNext(OrmTableBatch*, OrmErr*);
/* A column that is loaded, of the present row. */
void ormTableBatchColumn(OrmTableBatch*, sqlite3_context*, int iCol);
/* The same of a row that is in no batch. */
void ormTableLoadLate(OrmTableCursor*, OrmErr*, sqlite3_context*, int iCol);

/* table_write.c */
int ormTableUpdate(sqlite3_vtab*, int, sqlite3_value**, sqlite3_int64*);

#endif /* ORM_TABLE_H */
