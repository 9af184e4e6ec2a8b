/*
** What the rooms of the unit of work share: value.c (typed values), graph.c (a
** document becomes rows and collections), nulls.c (references that are null),
** resolve.c (which rows exist), collect.c (collections compared), unit.c (the
** plan and its order), flush.c (statements), written.c (what is given back).
** unit.c's head comment tells the whole story.
*/
#ifndef ORM_UNIT_H
#define ORM_UNIT_H
#include "../orm_int.h"

typedef struct Unit Unit;
typedef struct UnitModel UnitModel;
typedef struct UnitRow UnitRow;
typedef struct UnitVal UnitVal;
typedef struct UnitColl UnitColl;
typedef struct UnitMember UnitMember;
typedef struct UnitOrphan UnitOrphan;
typedef struct UnitShape UnitShape;
typedef struct UnitAgree UnitAgree;
typedef struct UnitComplaint UnitComplaint;
typedef struct UnitDefault UnitDefault;

enum {                          /* what a field of a row is to get            */
  UNIT_NONE,                    /* nothing: it is not in the document         */
  UNIT_BIND,                    /* a value                                    */
  UNIT_REF,                     /* what a field of another row has            */
  UNIT_INC                      /* its own value and so much more             */
};
struct UnitVal {
  u8 eKind;                     /* UNIT_*                                     */
  u8 bRel;                      /* by a relationship: wins over a plain value */
  u8 bWrite;                    /* flush: it differs from what is stored      */
  u8 eNull;                     /* NULL by a relationship that is null: 1 if  */
                                /*   ormNullsKeep() may take it back, else 2  */
  int iRef;                     /* REF: field of pRef                         */
  struct OrmBind v;             /* BIND, INC                                  */
  UnitRow *pRef;
  const OrmJson *pNode;         /* where it was given, or 0                   */
  const char *zWanted;          /* it is of the wrong type: what is wanted    */
};

enum {
  UNIT_ASK,                     /* not looked up yet                          */
  UNIT_NEW,                     /* to be inserted                             */
  UNIT_OLD,                     /* is there: aOld holds what was read         */
  UNIT_GONE                     /* is not there and is not wanted             */
};
enum {                          /* what a row stands for in the document      */
  UNIT_OBJECT,                  /* an object                                  */
  UNIT_LINK,                    /* the key of an object, which must exist     */
  UNIT_FIND,                    /* $remove, $delete: need not exist           */
  UNIT_PRESENT                  /* read from the file, not in the document    */
};
struct UnitRow {
  UnitModel *pModel;
  UnitRow *pNext;               /* of the unit, in the order added            */
  UnitRow *pSame;               /* merged into this one, or 0                 */
  UnitRow *pHash[2];            /* next of the same hash: key, natural key    */
  const OrmJson *pNode;         /* where it stands, or the collection it left */
  const OrmRel *pVia;           /* the relationship it hangs by; 0: a root    */
  UnitVal *aVal;                /* nField, or 0: nothing given                */
  struct OrmBind *aOld;         /* nField; eType 0: not read                  */
  const struct OrmBind *aFind;  /* key to look it up by, or 0: from aVal      */
  struct OrmBind *aBack;        /* nField, NEW: what the INSERT gave back     */
  int iSeq;
  int iTurn;                    /* unit.c: position in its turn               */
  int nWait;                    /* unit.c: NEW rows it refers to              */
  int iMark;                    /* collect.c: member of this collection       */
  u8 eState, eRole;             /* UNIT_ASK .., UNIT_OBJECT ..                */
  u8 bRoot;
  u8 bUnlink;                   /* its reference is set NULL before all else  */
  u8 bOrphan;                   /* it goes                                    */
  u8 bWritten, bTouched;        /* flush: the row is there; counted up        */
  u8 bDefer;                    /* unit.c: some references after the insert   */
  u8 bMerged;                   /* others are merged into it                  */
  u8 bByValue;                  /* unit.c: a foreign key's value names a row  */
                                /*   that is yet to be inserted               */
  u8 mHashed;                   /* it is in pHash: 1 by its key, 2            */
};
struct UnitMember {
  UnitRow *p;
  u8 bLinked;                   /* collect.c: the link row is there           */
};
typedef struct UnitFound UnitFound;
struct UnitFound {              /* of $remove or $delete                      */
  UnitRow *p;
  const OrmJson *pNode;         /* its place: the row may be named elsewhere  */
};
typedef struct UnitLink UnitLink;
struct UnitLink {               /* a link row to delete                       */
  UnitLink *pNext;
  const UnitColl *pColl;
  UnitRow *pRow;
};
struct UnitColl {               /* a to-many value, or the far end of a       */
  UnitColl *pNext;              /*   one_to_one                               */
  UnitRow *pOwner;
  const OrmRel *pRel;
  const OrmJson *pNode;
  u8 bSet;                      /* the members are all that there are         */
  u8 bImplied;                  /* the other end of a one_to_one says so      */
  u8 bDone, bRead;              /* merged into another; present ones read     */
  int nMember, nMemberAlloc;
  UnitMember *aMember;
  int nRemove, nRemoveAlloc; UnitFound *aRemove;
  int nDelete, nDeleteAlloc; UnitFound *aDelete;
  int nPresent, nPresentAlloc; UnitRow **apPresent;    /* read by collect.c   */
};
struct UnitOrphan {             /* an object to delete, by its key            */
  UnitOrphan *pNext;
  OrmModel *pModel;
  const struct OrmBind *aKey;
  const OrmJson *pNode;
  const OrmRel *pLeft;          /* by which it has left somebody, or 0        */
  u8 bLate;                     /* after the rows that refer to it            */
};
struct UnitAgree {              /* a second reference of the same column      */
  UnitAgree *pNext;
  UnitVal *pVal;
  UnitRow *pRef; int iRef;
  const OrmJson *pNode;
};
struct UnitDefault {            /* rename.c: references that got the DEFAULTs */
  UnitDefault *pNext;           /*   of their columns                         */
  const UnitRow *pRow;          /* whose key has changed                      */
  const OrmNode *pTo, *pFrom;   /* what is referred to, who refers            */
  int n; const int *aTo, *aFrom;
};
struct UnitComplaint {
  UnitComplaint *pNext;
  const char *zAt;              /* place in the document                      */
  const char *zText;
  int rc;
};
struct UnitShape {              /* a statement kept while rows of one shape   */
  OrmStmt *p;                   /*   follow one another                       */
  u64 *aMask;                   /* its fields                                 */
  u8 bOk;
};
struct UnitModel {              /* a model that has rows in this unit         */
  UnitModel *pNext;
  OrmModel *p;
  OrmArena *pArena;             /* the unit's                                 */
  i64 iNextKey;                 /* flush.c: keys chosen beforehand            */
  i64 iHighest;                 /* flush.c: highest key of the table,         */
  u8 bHighest, bChosen;         /*   read; SQLite chooses some of the new     */
  int nGiven; i64 *aGiven;      /* flush.c: and these are given, sorted       */
  int iModel;                   /* position in the unit                       */
  int iOrder;                   /* unit.c: when its turn is                   */
  int nSwap;                    /* unit.c: rows that ormFlushSwaps()          */
  u8 bNameless;                 /* unit.c: SQLite chooses keys in this turn   */
  u8 *abNeed;                   /* nField: to be read of existing rows        */
  u8 *abBack;                   /* nField: known of new ones by their INSERT  */
  UnitRow **apHash[2]; int nHash[2]; int nHashed[2];
  UnitShape insert, update;
  int nMask;                    /* words of a mask                            */
};
struct Unit {
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena *pArena;
  OrmCatalog *pCatalog;
  UnitComplaint *pComplaint;    /* in the order of the document               */
  int nComplaint;
  int eMode;                    /* ORM_WRITE_*                                */
  UnitModel *pModel, *pLastModel; int nModel;
  UnitRow *pFirst, *pLast; int nRow;
  UnitColl *pColl, *pLastColl;
  UnitOrphan *pOrphan, *pLastOrphan;
  UnitLink *pUnlink;
  int iMark;                    /* collect.c                                  */
  UnitAgree *pAgree;
  UnitDefault *pDefault;
  u8 bConflict;                 /* a root's key is taken                      */
  u8 bLateDelete;               /* deletes come after the writes              */
  u8 bForeignKeys;              /* PRAGMA foreign_keys                        */
  u8 bDeferred, bWasDeferred;   /* we have deferred them; so they were        */
  u8 bWasPending;               /* one was violated then                      */
  i64 nLastRowid;               /* of the newest INSERT                       */
  char zNow[32];
};

/* unit.c */
void ormUnitInit(Unit*, Orm*, OrmErr*, OrmArena*, OrmCatalog*, int eMode);
void ormUnitFree(Unit*);
UnitModel *ormUnitModel(Unit*, OrmModel*);
UnitRow *ormUnitRow(Unit*, OrmModel*, int eRole, const OrmJson*);
/* A complaint at a node: collected with the others, or, where p->pErr is set
** already, dropped.  ormUnitReport() makes the error of all. */
void ormUnitErr(Unit*, int rc, const OrmJson*, const char *zFormat, ...);
void ormUnitReport(Unit*);
/* Resolve, plan and write what graph.c has made, inside an anchor. */
void ormUnitRun(Unit*);
/* The row that a merged one stands for. */
#define UNIT_ROW(p) ormUnitSame(p)
UnitRow *ormUnitSame(UnitRow*);
/* Two relationships say what a column refers to: they must mean the same. */
void ormUnitAgree(Unit*, UnitVal*, UnitRow*, int iRef, const OrmJson*);
/* What a field of a row has or will have, if that is known: 1 and *pOut.  A
** reference that leads to itself never is. */
#define UNIT_MAX_HOP 1000       /* references that lead to references         */
int ormUnitKnown(const UnitRow*, int iField, struct OrmBind *pOut);
UnitVal *ormUnitVal(Unit*, UnitRow*, int iField);
void ormUnitOrphan(Unit*, OrmModel*, const struct OrmBind *aKey,
                   const UnitColl*, int bLate);

/* Defer foreign keys until the unit is done. */
void ormUnitDefer(Unit*);

/* value.c */
/* The value of a field from JSON: 0, or what is wanted instead. */
const char *ormUnitValue(Unit*, const OrmField*, const OrmJson*,
                         struct OrmBind *pOut);
int ormUnitAsIs(const OrmField*);      /* strings and integers, unchanged?   */
void ormUnitWrong(Unit*, const OrmField*, const OrmJson*, const char *zWanted);
/* Is it what orm gives of the stored value, which need not be of the field's
** type, so that it is no change? */
int ormValueRaw(OrmArena*, const OrmField*, const OrmJson*,
                const struct OrmBind *pOld);
/* As the column would store it. */
void ormValAffinity(OrmArena*, struct OrmBind*, char cAff);
int ormValSame(const struct OrmBind*, const struct OrmBind*);
/* The same as stored: affinity applied; json by its meaning. */
int ormValueSame(OrmArena*, const OrmField*, const struct OrmBind *pNew,
                 const struct OrmBind *pOld);
u32 ormValHash(const struct OrmBind*, const OrmField*);
/* Equal under the field's collation? */
int ormValEqual(const struct OrmBind*, const struct OrmBind*, const OrmField*);
void ormUnitTake(OrmArena*, struct OrmBind*, sqlite3_value*);
/* "3", "'x'": a key in words. */
void ormValText1(OrmBuf*, const struct OrmBind*);

/* graph.c */
UnitRow *ormGraphRoot(Unit*, OrmModel*, const OrmJson*);
void ormGraphRead(Unit*, UnitRow *pFirst);
/* One field gets what a document says. */
void ormGraphField(Unit*, UnitRow*, int iField, const OrmJson*);
/* The field of a member's name, or -1; *piNext is where it is looked for. */
int ormGraphMember(const OrmModel*, const OrmJson*, int *piNext);
/* Is a field of what tells objects apart, the key or the natural key? */
int ormGraphIdentity(const OrmModel*, int iField);

/* nulls.c */
/* The columns that a reference that is null sets NULL; how many. */
int ormNullsColumns(const OrmRel*, int *aField);
/* What exists is known: references that are null anyway keep what they have. */
void ormNullsKeep(Unit*);

/* written.c */
/* The include part of a query that gives back what a document wrote. */
void ormWrittenInclude(Unit*, OrmModel*, const OrmJson*, OrmBuf*);

/* resolve.c */
void ormResolve(Unit*);
void ormResolveTypes(Unit*, UnitRow*);   /* complain of wrong types          */
UnitRow *ormResolveStored(Unit*, OrmModel*, sqlite3_stmt*, int iCol);
void ormResolveColumns(Unit*, UnitModel*, OrmBuf*, const char *zAlias);
int ormResolveCount(const UnitModel*);
/* The row of a model with this key, as stored, or 0. */
UnitRow *ormResolveByKey(UnitModel*, const struct OrmBind *aKey);

/* collect.c */
void ormCollect(Unit*);
/* Does a stored field of a row lead to that of another, as a join compares? */
int ormCollectLeads(Unit*, const UnitRow *pFrom, int iFrom,
                    const UnitRow *pTo, int iTo);
void ormCollectUnlink(Unit*);          /* delete link rows                    */
void ormCollectLink(Unit*);            /* insert them                         */

/* rename.c: references to a key that changes follow (DESIGN 9). */
void ormRenameBefore(Unit*, UnitRow*, const u64 *aMask);
void ormRenameDefer(Unit*);            /* foreign keys, if one changes        */
void ormRenameCheck(Unit*);            /* do DEFAULTs lead to rows?           */

/* check.c */
void ormCheckWritten(Unit*);
void ormCheckAlive(Unit*);             /* after deletes: is it all there?     */
int ormCheckFailed(Unit*, const UnitRow*);
int ormCheckDefaults(const OrmModel*);

/* flush.c */
#define ORM_MASK_MAX 64         /* words: 2000 columns are SQLite's most      */
void ormFlushRow(Unit*, UnitRow*);
/* References of a row before the deletes: those to rows that are there, the
** others, and with bHold those that a UNIQUE index could refuse yet, set NULL
** for a while.  0: one could be neither. */
int ormFlushEarly(Unit*, UnitRow*, int bHold);
/* Does a field of a row of the file change, be it to what is not known yet? */
int ormFlushChanges(Unit*, const UnitRow*, int iField);
/* Does a row change what a one-to-one's UNIQUE reference refers to, or, being
** new, bring one? */
int ormFlushSwaps(Unit*, const UnitRow*);
void ormFlushDeferred(Unit*, UnitRow*);
void ormFlushKeys(Unit*);
void ormFlushChooseKey(Unit*, UnitRow*);
void ormFlushDone(Unit*);
void ormFlushPrefix(Unit*, const UnitRow*, const OrmJson*);

int ormFlushMachine(int rc);           /* a failure of the machine?           */
void ormFlushAuto(Unit*, const OrmField*, struct OrmBind *pOut);

/* update_many.c */
i64 ormUpdateFast(Unit*, OrmModel*, OrmPlan*, const OrmJson *pChanges);

/* patch.c */
/* Has the table neither triggers nor ON CONFLICT clauses?  *pe keeps what was
** found: an eQuiet of the catalog. */
int ormTableQuiet(Orm*, OrmErr*, const char *zTable, u8 *pe);
/* 1: done.  0: nothing is written, and there is an error only if it would be
** one for the unit of work too.  pModel may be 0: then what is known of it is
** used without a pin, and *pbNever is set if a pin would be no help. */
int ormPatch(Orm*, OrmErr*, OrmModel*, OrmWrite*, u8 *pbNever);

/* flat.c: the objects of an array that give plain fields alone */
#define ORM_FLAT_MAX 64         /* columns                                    */
typedef struct OrmFlat OrmFlat;
typedef struct OrmFlatSpan OrmFlatSpan;
struct OrmFlat {
  Unit unit;                    /* for ormUnitValue(): pArena is the row's    */
  OrmErr err;                   /*   and complaints go nowhere                */
  OrmModel *pModel;
  OrmArena arena;
  const char *zDoc, *zEnd;
  const char *z;                /* how far it is looked over, or read         */
  OrmFlatSpan *aSpan;           /* where the values stand                     */
  i64 nSpan, nAlloc, iSpan;
  OrmJson node;                 /* the scalar being read                      */
  u8 bAbandon;                  /* OUT: not for us                            */
  u8 bNew;                      /* OUT: the row that is read begins a run     */
  u8 bSave;                     /* objects may be there                       */
  u8 bRefers;                   /* OUT: some have references                  */
  u8 bSelf;                     /* some refer to the table itself             */
  int nShape;                   /* how often the names changed                */
  u8 mKeyed;                    /* 1: some objects give the rowid, 2: some    */
                                /*   do not                                   */
  int nGiven;                   /* fields that the objects of the run name    */
  int nCol;                     /* and auto fields behind them                */
  int aField[ORM_FLAT_MAX];
  struct OrmFlatName {          /* "name": of the n-th value of an object     */
    const char *z; int n;
    u64 iHead, mHead;           /* its first bytes, and which of eight        */
  } aName[ORM_FLAT_MAX];
  int aTo[ORM_FLAT_MAX];        /* column of the n-th value of an object      */
  u8 aAsIs[ORM_FLAT_MAX];       /* takes strings and integers unchanged       */
  struct OrmBind aVal[ORM_FLAT_MAX];
};
/* Is all of the array z[n] for us?  To be closed then or not. */
int ormFlatOpen(OrmFlat*, Orm*, OrmModel*, int bSave, const char *z, i64 n);
/* The next row into aVal: 0 at the end, or at what is not for us (bAbandon). */
int ormFlatNext(OrmFlat*);
void ormFlatClose(OrmFlat*);

/* bulk.c */
/* bSave: objects that could be there already are not for it. */
i64 ormBulk(Orm*, OrmErr*, OrmModel*, int bSave, const char *z, i64 n);
/* The end of a short cut: of what failed only the machine's errors stay, as the
** unit of work has to say the rest. */
void ormBulkLeave(OrmErr*, OrmErr *pOwn);

/* links.c: link rows of new objects, whose rowids they hold */
#define ORM_LINKS_MAX 250
typedef struct OrmLinks OrmLinks;
struct OrmLinks {
  Orm *pOrm;
  OrmErr *pErr;
  const OrmRel *pRel;
  OrmStmt *pInsert, *pSeek;
  u8 bSeek;                     /* any pair may be in the table               */
  u8 bPart;                     /* pairs of the newest owner are in the table */
  i64 idOwner;                  /* the newest owner                           */
  int iOwner;                   /* where its pairs begin in aPair             */
  int nPair;                    /* gathered                                   */
  i64 aPair[2*ORM_LINKS_MAX];
};
void ormLinksAdd(OrmLinks*, i64 idOwner, i64 id);    /* unless it is there    */
void ormLinksFlush(OrmLinks*);
void ormLinksClose(OrmLinks*);

/* tree.c */
i64 ormTree(Orm*, OrmErr*, OrmModel*, int bSave, const char *z, i64 n,
            i64 *piRowid);

#endif /* ORM_UNIT_H */
