/*
** What plan.c, fetch.c, load.c, object.c, stream.c, page.c share: a query made
** to levels, and the rows that a run has loaded of each.
**
** A plan is a tree of levels, one for the root and one for each include.  The
** rows of a level are loaded for all rows of its parent at once.  A row is the
** JSON text of its fields and counts ("{..", without the closing brace) and
** the values that lead to its own includes; objects are put together from
** them at the end, from the top down (object.c).
**
** Rows of the parent that ask for the same thing form a group: a list of rows
** of this level.  So two posts of one author share the author's text.
**
** A run owns its plan.  Everything of it reports to plan.err; ormPlanLeave()
** hands that on to the caller.
*/
#ifndef ORM_LOAD_H
#define ORM_LOAD_H
#include "../orm_int.h"

typedef struct OrmLevel OrmLevel;
typedef struct OrmFetch OrmFetch;
typedef struct OrmSlot OrmSlot;
typedef struct OrmRow OrmRow;
typedef struct OrmPart OrmPart;
typedef struct OrmMap OrmMap;

struct OrmFetch {               /* a statement: its text and its values       */
  const char *zSql;             /* 0: not made yet                            */
  i64 nSql;
  u64 iHash;                    /* ormStmtHash() of it                        */
  OrmBinds binds;               /* for ?2 and up; ?1 is the list of keys      */
  OrmFetch *pMore;              /* the rest of the rows, if these are too few */
  u64 mNull;                    /* BEFORE, AFTER: NULLs of the cursor         */
};

/* The statements that may load a level, each made when it is first used. */
enum {
  ORM_FETCH_ROOT,               /* the root: what the query asks for          */
  ORM_FETCH_PULL,               /* the same, stepped: with its order values   */
  ORM_FETCH_PULL_KEYS,          /* keys and order values alone                */
  ORM_FETCH_ONE,                /* the row of one primary key, ?2 and up      */
  ORM_FETCH_KEYS,               /* rows whose key (remote columns) is listed  */
  ORM_FETCH_EACH,               /* for each key its rows, ordered, limited    */
  ORM_FETCH_FEW,                /* the same but for ties, and one row more    */
  ORM_FETCH_SINGLE,             /* the rows of one key, ?2 and up             */
  ORM_FETCH_LOOSE,              /* for each key its rows in any order         */
  ORM_FETCH_JOIN,               /* for each key by one join and sort          */
  ORM_FETCH_SCAN,               /* all rows, with the columns that join       */
  ORM_FETCH_ROWIDS,             /* position and rowid by a covering index     */
  ORM_FETCH_ROWS,               /* rows whose rowid is listed                 */
  ORM_FETCH_LINKS,              /* position and target key from a link table  */
  ORM_FETCH_LINK_SCAN,          /* all of a link table                        */
  ORM_FETCH_COUNT,              /* count(*) of the root, limit honoured       */
  ORM_FETCH_EXISTS,             /* is there any?                              */
  ORM_FETCH_TOTAL,              /* count(*) of the where alone                */
  ORM_FETCH_ROOT_KEYS,          /* primary keys of the root                   */
  ORM_FETCH_BEFORE,             /* page.c: is there one before a cursor?      */
  ORM_FETCH_AFTER,              /*   after it?                                */
  ORM_FETCH_MORE_PARENTS,       /* has the parent's table more than ?2 rows?  */
  ORM_FETCH_MORE_ROWS,          /* the same of ours                           */
  ORM_FETCH_FEW_TARGETS,        /* and twice as many as ours?                 */
  ORM_FETCH_TEXTS,              /* is there text to be made a number?         */
  ORM_FETCH_LINK_TEXTS,         /* the same in the targets of links           */
  ORM_FETCH_N
};

struct OrmSlot {                /* columns of a level's rows that are kept    */
  int n; const int *aField;
  int *aVal;                    /* where they stand in a row's values         */
  i64 nAlloc;
  struct OrmBind *a;            /* n for each row                             */
  u8 bOdd;                      /* some value is no integer                   */
};

struct OrmRow {                 /* a row's text: aText[iText].z[iOff], n      */
  u32 iText, iOff, n;
  int iNext;                    /* next row of the same group, or -1; where   */
                                /*   bGather: the group                       */
};

typedef struct OrmTarget OrmTarget;
struct OrmTarget {              /* direct.c: a target's text, "null" if there */
  const char *z; u32 n;         /*   is none                                  */
  int iRow;                     /*   and its row, or -1                       */
};

struct OrmPart {                /* one value of an object's text              */
  const char *zKey; int nKey;   /* what stands before it: ,"name":            */
                                /*   with ORM_KEY_STEP bytes of slack         */
  int iVal;                     /* where it stands in the row's values        */
  u8 eType;
};
#define ORM_KEY_STEP ORM_JSON_KEY_SLACK

struct OrmMap {                 /* keys, each once, found by value            */
  int nCol;
  int nKey;
  i64 nAlloc;
  struct OrmBind *aKey;         /* nKey*nCol                                  */
  u32 mHash; int *aHash;        /* key + 1, 0: empty; open addressing         */
  i64 iMin, nDense, nDenseAlloc;             /* nDense>0: instead of the hash */
  int *aDense;                  /* key + 1 of the integer iMin + i            */
  i64 nIntAlloc; i64 *aInt;     /* the keys, ascending                        */
};
typedef struct OrmKeyRow OrmKeyRow;
struct OrmKeyRow { i64 iKey; int iRow; };    /* a row by its integer key      */
struct OrmPair { int iGroup, iTarget; };     /* a link                        */
typedef struct OrmIds OrmIds;
struct OrmIds {                 /* rowids, and what each is of                */
  int n;
  i64 nIdAlloc; i64 *aId;
  i64 nOfAlloc; int *aOf;
};

struct OrmLevel {
  OrmPlan *pPlan;
  OrmQuery *pQuery;
  OrmModel *pModel;
  OrmRel *pRel;                 /* 0: the root                                */
  OrmLevel *pParent, *pChild, *pNext;
  const char *zKey; int nKey;   /* ,"name": of the relationship               */

  /* how a row's values come */
  int nPart; OrmPart *aPart;    /* fields, then counts                        */
  int iEarly;                   /* the part whose value comes before those of */
                                /*   the others: the last column of the row,  */
                                /*   whose header SQLite then parses in one go*/
  u8 bTail;                     /* a '}' ends the counts                      */
  i64 nFixed;                   /* room for a row's text, short of its texts  */
  int nExtra; int *aExtra;      /* fields that only slots need                */
  int nInner; int *aInner;      /* all fields that are needed                 */
  int nSlot; OrmSlot *aSlot;
  int iSlot;                    /* slot of the parent's rows that leads here  */
  int iSelf;                    /* recursive: slot of our own rows for that   */
  int iLateSlot;                /* bLate: slot of the key                     */
  int iIdent, iParentIdent;     /* recursive: slots of the primary key        */
  int iKeySlot;                 /* slot of its own key, or -1: the root, and  */
                                /*   where rows are sorted by us              */
  OrmFetch aFetch[ORM_FETCH_N];
  OrmFetch *aConvert;           /* the same where bConvert, or 0              */
  int nLead;                    /* SCAN: values before the object's           */
  int *aJoin;                   /*   where those of the columns that join are */
  u16 mConvert;                 /* columns whose texts become numbers when    */
                                /*   compared with the parent's numeric ones  */
  u8 bAsk;                      /* none of them must be TEXT: see bConvert    */
  u8 bConvert;                  /* there are texts, so keys are compared as   */
                                /*   k.n0 and no index finds them             */
  u8 bLinkAsk;                  /* the same between a link and its target     */
  u8 bNoParam;                  /* a key as a parameter would be converted    */
  u8 bLate;                     /* count.c: figures are loaded afterwards;    */
                                /*   their parts stand behind nPart           */
  u8 bMany;                     /* pRel's                                     */
  u8 bMap;                      /* to-one by a unique key: rows by key        */
  u8 bViaParent;                /* keys are the parent's primary key, joined  */
                                /*   by SQL: the columns compare oddly        */
  u8 bHash;                     /* its columns may be compared by us          */
  u8 bLinkHash;                 /* so may a link table's with the target's,   */
  u8 bLinkInteger;              /*   as long as they are integers             */
  u8 bTargetUnique;             /* a link leads to one target at most         */
  u8 bIndexed;                  /* an index finds rows by the parent's key    */
  u8 bWide;                     /* more values than a function may have       */
  u8 bNatural;                  /* order asked for is that of a table scan    */
  u8 bRowid;                    /* rows can be fetched by rowid               */
  u8 bLimited;                  /* limit or offset                            */
  u8 bFew;                      /* ORM_FETCH_FEW is tried                     */
  u8 bDistinct;                 /* rows of a run are all different            */
  u8 bWhole;                    /* and most of the table's                    */

  /* what a run has loaded */
  int nRow; i64 nRowAlloc; OrmRow *aRow;
  int nText, nTextAlloc; OrmBuf *aText;
  i64 nByte;                    /* in aText                                   */
  int iFirst;                   /* first row of the parent that this is for   */
  int nGroup; i64 nHeadAlloc; int *aHead, *aTail;
  i64 nGroupAlloc; int *aGroup; /* of parent row - iFirst; -1: none           */
  u8 bPlain;                    /* the group is parent row - iFirst itself    */
  u8 bLinks;                    /* groups are parts of aLinkRow, from aHead   */
  i64 nLinkAlloc; int *aLinkRow;             /*   to before aTail             */
  u8 bGather;                   /* they are made when all rows have come, and */
                                /*   every row is in one                      */
  OrmMap map;
  OrmMap target;                /* pairs.c: keys of a link's targets,         */
  i64 nTargetAlloc; int *aTargetRow;         /*   their rows, -1: none;       */
                                /*   direct.c: rows of the hashed keys        */
  i64 nDirectAlloc; OrmTarget *aDirect;      /* direct.c: of a dense map      */
  const OrmTarget *pTarget;     /*   of the row that comes                    */
  OrmTarget other;              /*   that, if it is not in aDirect            */
  i64 nLoneAlloc; OrmKeyRow *aLone;          /* lone.c: rows, and their texts */
  i64 nCopyAlloc; char *zCopy;               /*   as they came                */
  int nPair; i64 nPairAlloc; struct OrmPair *aPair;
  i64 nKept;                    /* rows.c: of its memory between runs         */
  i64 nByteLast;                /*   what the run before had, up to           */
  int nRowLast, nPairLast;      /*   LAST_MOST bytes of each                  */
  i64 nFigureAlloc; struct OrmBind *aFigure; /* bLate: nCount of each row     */
  /* recursive */
  OrmMap ident;
  i64 nSelfAlloc; int *aSelf;   /* group of each of our rows; -1: not loaded  */
  i64 nMeAlloc; int *aMe;       /* identity of each of our rows               */
  i64 nStartAlloc; int *aStart; /* identity of each row of the parent         */
  i64 nOnPathAlloc; u8 *abOnPath;            /* object.c, by identity         */
};

typedef struct OrmSpan OrmSpan;
struct OrmSpan { i64 i, n; };   /* part of a query's text: n bytes from i on  */

struct OrmPlan {
  Orm *pOrm;
  OrmErr err;
  OrmArena arena;               /* everything that the plan is made of        */
  OrmArena run;                 /* texts of a run's keys                      */
  OrmCatalog *pCatalog;
  OrmModel *pModel;
  OrmQuery *pQuery;
  OrmLevel *pRoot;
  OrmPlan *pNext;               /* plan.c: newest first                       */
  u64 iHash;
  int mParts;
  u8 bBusy, bDead;
  u8 iFirst;                    /* plan.c: what a scan of 1, 2 begins with    */
  u8 bNoScan;                   /* memory is short                            */
  u8 bOverflow;                 /* it was: more than nByteMax                 */
  i64 nByte, nByteMax;          /* of all rows in a run; 0: no bound          */
  i64 nLast;                    /* root.c: bytes of the last result           */
  i64 nQuery; char *zQuery;
  OrmSpan span;                 /* of zQuery: a cursor that may be another    */
  u8 bBefore;                   /*   it is before, not after                  */
  OrmArena cursor;              /* the values of one that has replaced it     */
};

/* span.c */
void ormSpanFind(OrmSpan*, const char *z, i64 n);
void ormSpanKeep(OrmPlan*, const OrmSpan*);
int ormSpanReplace(OrmPlan*, const char *z, i64 n);
void ormSpanValues(OrmBinds*, const OrmCursor*, int bBefore);

/* plan.c */
void ormPlanLeave(OrmPlan*, OrmErr*);        /* plan.err moves to the caller  */
int ormLevelSlot(OrmLevel*, int n, const int *aField);

/* fetch.c: the text of a level's statement, made if it is not there; 0 and
** plan.err. */
OrmFetch *ormFetchGet(OrmLevel*, int eFetch);
OrmStmt *ormFetchTake(OrmLevel*, int eFetch);        /* taken and bound       */
/* The root's rows may need several statements, one after the other (only ROOT,
** PULL and PULL_KEYS): the next one, when nRow rows are had; 0: no more. */
OrmStmt *ormFetchMore(OrmLevel*, OrmFetch **ppFetch, i64 nRow);
int ormFetchFirst(const OrmLevel*, int eFetch);      /* ?N of its own values  */
void ormFetchGive(OrmLevel*, OrmStmt*);
void ormFetchKeyed(OrmLevel*, OrmSql*, const OrmKeyRef*, int bPull);
OrmStmt *ormKeyedTake(OrmLevel*, OrmSql*, sqlite3_value *pKey, int bPull);

/* map.c */
/* Room for n elements in *ppArray; 0 after an error. */
int ormGrowMore(OrmErr*, void *ppArray, i64 *pnAlloc, i64 n, int nElem);
static ORM_INLINE int ormGrow(OrmErr *pErr, void *ppArray, i64 *pnAlloc, i64 n,
                              int nElem){
  if( ORM_LIKELY(n<=*pnAlloc && pErr->rc==SQLITE_OK) ) return 1;
  return ormGrowMore(pErr, ppArray, pnAlloc, n, nElem);
}
void ormKeepValue(OrmPlan*, struct OrmBind*, sqlite3_value*);
void ormViewValue(struct OrmBind*, sqlite3_value*);          /* not copied    */
void ormMapReset(OrmMap*, int nCol);
void ormMapFree(OrmMap*);
int ormMapAdd(OrmErr*, OrmMap*, const struct OrmBind*);
int ormMapFind(const OrmMap*, const struct OrmBind*);
int ormMapFindValues(const OrmMap*, sqlite3_value **apVal);
/* The number in a map of the key in the first values of a row, or -1. */
static ORM_INLINE int ormMapFindRow(const OrmMap *p, sqlite3_value **apVal){
  if( p->nDense && sqlite3_value_type(apVal[0])==SQLITE_INTEGER ){
    u64 i = (u64)sqlite3_value_int64(apVal[0]) - (u64)p->iMin;
    return i<(u64)p->nDense ? p->aDense[i] - 1 : -1;
  }
  return ormMapFindValues(p, apVal);
}
/* The same of the key whose values stand at aAt. */
static ORM_INLINE int ormMapFindAt(const OrmMap *p, sqlite3_value **apVal,
                                   const int *aAt){
  sqlite3_value *apKey[ORM_MAX_KEY];
  if( p->nCol==1 ) return ormMapFindRow(p, &apVal[aAt[0]]);
  for(int i=0; i<p->nCol; i++) apKey[i] = apVal[aAt[i]];
  return ormMapFindRow(p, apKey);
}
int ormMapDense(OrmErr*, OrmMap*, const struct OrmBind*, int n, int *aNumber);
int ormMapDenseInts(OrmErr*, OrmMap*, const i64*, int n, i64 iMin, i64 iMax);
int ormMapDenseRows(OrmErr*, OrmMap*, const struct OrmBind*, int n);

/* rows.c */
void ormLevelReset(OrmLevel*, int bFree);    /* it and all below              */
void ormLevelAddRow(OrmLevel*, sqlite3_value **apVal, int iGroup);
void ormGroupsMake(OrmLevel*, int iFirst, int nRow);
void ormGroupsOf(OrmLevel*, const OrmSlot*, int iFirst, int nRow, int *aGroup);
void ormGroupsGrow(OrmLevel*, int n);
int ormGroupsPart(OrmLevel*, int n, const int *pGroup, i64 nStep);
void ormGroupsGather(OrmLevel*);
void ormGroupKeys(OrmLevel*, int iGroup, OrmKeys*);

/* count.c */
void ormCountSql(OrmSql*, const OrmCount*, const char *zAlias);
int ormCountsAreLate(Orm*, OrmErr*, const OrmQuery*);
void ormCountsLoad(OrmLevel*, int iFirst, int nRow);
void ormCountsText(const OrmLevel*, int iRow, OrmBuf*);

/* batch.c */
enum { ORM_BY_KEY, ORM_BY_LINKS, ORM_BY_LINK_SCAN, ORM_BY_SCAN, ORM_BY_SORTED,
       ORM_BY_SINGLE, ORM_BY_LOOSE, ORM_BY_EACH, ORM_BY_FEW, ORM_BY_JOIN };
int ormFetchChoose(OrmLevel*, int iGroup, i64 nGroup);
void ormFetchGroups(OrmLevel*, int iGroup);
void ormFetchRun(OrmLevel*, int eFetch, OrmKeys*, OrmSink*);
void ormFetchEach(OrmLevel*, OrmKeys*, const int *aGroup);
void ormFetchSingle(OrmLevel*, int iGroup, OrmSink*);
int ormFetchHasMore(OrmLevel*, int eFetch, i64 nMost);
int ormFetchIsMost(OrmLevel*, i64 n);
int ormFetchConverts(OrmLevel*, OrmKeys*);   /* or 0: for all of the table    */
void ormFetchConvertRow(const OrmLevel*, sqlite3_value **apVal);
int ormFetchTexts(OrmLevel*, int eFetch, OrmKeys*);
void ormFetchPlainMap(OrmLevel*);

/* pairs.c */
int ormPairsFetch(OrmLevel*, int bScan);
i64 ormPairsMost(const OrmLevel*, i64 nGroup);       /* of a scan; 0: any     */

/* sort.c */
void ormSortGroups(OrmLevel*, int iGroup);
void ormSortKeyRows(OrmKeyRow*, int n);
int ormSortDistinct(int*, int n);            /* how many are left           */
void ormSortIds(OrmErr*, OrmIds*);
int ormIdsGrow(OrmErr*, OrmIds*, i64 n);
void ormIdsFree(OrmIds*);

/* few.c */
int ormFewIs(const OrmLevel*);
void ormFewFetch(OrmLevel*);

/* load.c */
void ormLevelLoad(OrmLevel*, int iFirst, int nRow);
void ormLevelChildren(OrmLevel*, int iFirst, int nRow);

/* direct.c: is it a way for all objects of a root?  Load what they include; 0
** if that is more than scan_memory. */
int ormDirectIs(OrmLevel*);
int ormDirectLoad(OrmLevel*);

/* lone.c */
void ormLoneObject(OrmLevel*, OrmBuf *pOut);

/* root.c */
int ormRootIsWhole(const OrmLevel*);

/* object.c */
void ormObjectFields(OrmLevel*, OrmBuf*, sqlite3_value **apVal);
void ormObjectLeaf(OrmLevel*, OrmBuf *pOut, sqlite3_value **apVal);
void ormObjectText(OrmLevel*, int iRow, OrmBuf *pOut);
void ormObjectRow(const OrmLevel*, int iRow, OrmBuf *pOut);
void ormObjectInclude(OrmLevel*, int iParentRow, OrmBuf *pOut);
void ormObjectOpen(const OrmLevel*, OrmBuf *pOut);
void ormObjectClose(OrmBuf *pOut);
void ormObjectTargets(OrmLevel*);
void ormObjectDirect(OrmLevel*, sqlite3_value **apVal, int bNext,
                     OrmBuf *pOut);
void ormObjectDirectEnd(OrmLevel*, OrmBuf *pOut);

#endif /* ORM_LOAD_H */
