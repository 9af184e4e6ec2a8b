/*
** What the files of the cascade planner share: rowset.c (sets of rows),
** cascade.c (which rows: the search), order.c, height.c, arcs.c (in which
** order: the steps), apply.c (carrying out, showing and refusing).
*/
#ifndef ORM_CASCADE_H
#define ORM_CASCADE_H
#include "../orm_int.h"

/* Interface to rowset.c: rows of one table, each once, in the order added. */
typedef struct RowSet RowSet;
struct RowSet {
  OrmArena *pArena;
  int nCol;                     /* values that tell a row apart               */
  u8 bInt;                      /* one rowid: aInt; else apVal                */
  int n, nAlloc;
  i64 *aInt;
  sqlite3_value **apVal;        /* duplicates: ormRowSetFree()                */
  u32 *aHash; u32 nHash;        /* position+1 by hash, open addressing        */
};
void ormRowSetInit(RowSet*, OrmArena*, const OrmNode*);
void ormRowSetFree(RowSet*);
/* Position of a row; *pbNew tells that it was added.  -1 on out of memory. */
int ormRowSetAdd(RowSet*, sqlite3_value **apVal, int *pbNew);
int ormRowSetFind(const RowSet*, sqlite3_value **apVal);   /* -1: not there  */
int ormRowSetFindAt(const RowSet*, const RowSet *pOf, int i);

typedef struct NodeState NodeState;
typedef struct CascadeRow CascadeRow;
typedef struct CascadeTouch CascadeTouch;
typedef struct CascadePath CascadePath;
typedef struct CascadePair CascadePair;
typedef struct CascadeHold CascadeHold;
typedef struct CascadeStep CascadeStep;

enum { ROW_SOFT, ROW_HARD };    /* how a row goes                             */

struct CascadeRow {             /* a row that goes; its number is its uid     */
  u32 iSet;                     /* position in its node's del set             */
  u32 iPath;
  u16 iNode;
  u8 eMode;                     /* ROW_*                                      */
  u8 bLink;                     /* goes as a link                             */
};
struct CascadeTouch {           /* a row that refers to one that goes         */
  u64 mEdge;                    /* edges into its node, by NodeState.apIn     */
  u32 iPath;
};
struct CascadePath {            /* a step below its parent, 0 the root        */
  u32 iParent, iChild, iNext;   /* first child, next of the same parent; 0    */
  const OrmEdge *pEdge;         /* 0: a root, zText its name                  */
  const char *zText;
  const OrmRel *pLeft;          /* of a root: what it does not lead along     */
  u8 bStar;                     /* gone round again                           */
};
struct CascadePair {            /* row iFrom refers to row iTo, by pEdge      */
  u32 iFrom, iTo;
  const OrmEdge *pEdge;
};
struct CascadeHold {            /* a pair to be, if the touched row goes too  */
  u32 iTouch, iTo;
  u16 iNode;
  const OrmEdge *pEdge;
};

struct NodeState {
  OrmNode *p;
  int iNode;                    /* in apNode                                  */
  RowSet del;                   /* rows that go                               */
  u32 *aUid; int nUidAlloc;     /* of each                                    */
  RowSet touch;                 /* rows that refer to some that go            */
  CascadeTouch *aTouch; int nTouchAlloc;
  struct { u32 *a; int n, nAlloc; } aFront[2], aNext[2];  /* uids, by ROW_*   */
  int nIn; const OrmEdge *apIn[64];          /* edges that touch rows of it   */
  int iScc;                     /* order of deleting: lower first             */
  u8 bSeen, bDone;              /* in the closure; its edges followed         */
  u8 bLoop;                     /* its rows may refer to one another          */
  u8 bLeaf;                     /* rows not looked for: deleted by edge       */
};

enum { STEP_RESTRICT, STEP_NULLIFY, STEP_SOFT, STEP_RELEASE, STEP_DELETE,
       STEP_UNLINK, STEP_EDGE, STEP_CIRCLE };
struct CascadeStep {
  u8 eType;
  NodeState *pNode;
  u64 mEdge;                    /* NULLIFY: the edges, by apIn                */
  const OrmEdge *pEdge;         /* EDGE, RELEASE, RESTRICT, CIRCLE: the edge  */
  int n; u32 *aRow;             /* uids; positions in touch; of EDGE: uids of */
};                              /*   the rows referred to                     */

struct OrmCascade {
  Orm *pOrm;
  OrmErr *pErr;
  OrmCatalog *pCatalog;
  OrmArena *pArena;
  OrmRules *pRules;
  u8 bForGood, bPreview, bPlanned;
  u8 bLeft;                     /* some roots have left somebody              */
  u8 bMore;                     /* a row lets go by one more edge             */
  u8 bAnyStamp;                 /* a restore takes children of any delete     */
  int nNode, nNodeAlloc; NodeState **apNode; /* in the order reached          */
  int nPlace, nPlaceAlloc, *aPlace;          /* in apNode by OrmNode.iNode, -1*/
  int nRow, nRowAlloc; CascadeRow *aRow;
  int nPath, nPathAlloc; CascadePath *aPath; /* aPath[0] is no path           */
  int nPair, nPairAlloc; CascadePair *aPair;
  int nHold, nHoldAlloc; CascadeHold *aHold;
  int nStep, nStepAlloc; CascadeStep *aStep;
  int nScc;
  u8 bForeignKeys;              /* PRAGMA foreign_keys                        */
  u8 bDefer;                    /* rows in circles that no NULL opens         */
  i64 nRoot;                    /* roots added so far                         */
  i64 *aKeyInt; int nKeyAlloc;  /* scratch of cascadeKeys()                   */
  sqlite3_value **apKeyVal; int nValAlloc;
  char zNow[32], zSecond[32];   /* the clock, with and without milliseconds   */
  sqlite3_value *pStamp;        /* of the object to restore; 0: a delete      */
};
NodeState *ormCascadeNode(OrmCascade*, OrmNode*);    /* made on first use     */
NodeState *ormCascadeState(const OrmCascade*, const OrmNode*);  /* it is there*/
/* Rows as a key list, in scratch memory until the next call: uids, or, of a
** node's touch set, positions. */
void ormCascadeKeys(OrmCascade*, const NodeState*, int bTouch, int n,
                    const u32 *aRow, OrmKeys*);
void ormCascadePathText(const OrmCascade*, u32 iPath, OrmBuf*);
/* order.c */
void ormCascadeClosure(OrmCascade*);       /* nodes, their order, leaves     */
void ormCascadeOrder(OrmCascade*);         /* the steps                      */
/* The edges of a node, if the delete can reach it. */
OrmEdge *ormCascadeEdges(const OrmCascade*, int iNode);
/* Does a touched row go for good, so that nothing need be done to it? */
int ormCascadeTouchGoes(const OrmCascade*, const NodeState*, int iTouch);
/* A new step with room for nMax rows, or 0. */
CascadeStep *ormCascadeStep(OrmCascade*, int eType, NodeState*, int nMax);
/* height.c: heights of all rows, and what must be done first.  Returns the
** greatest. */
int ormCascadeHeights(OrmCascade*, int *aHeight);
/* apply.c */
void ormCascadeRefuse(OrmCascade*, const CascadeStep*);  /* its error        */

/* Interface to arcs.c: arcs between nodes 0 .. n-1 as lists. */
typedef struct Arcs Arcs;
struct Arcs {
  OrmArena *pArena;
  int n;
  int *aHead;                   /* first arc of each node, -1: none           */
  int *aTo, *aNext;             /* of each arc                                */
  int nArc, nToAlloc, nNextAlloc;
};
void ormArcsInit(Arcs*, OrmArena*, int n);
void ormArcsAdd(Arcs*, int iFrom, int iTo);
/* The strongly connected component of each node: numbered so that arcs lead
** from higher numbers to lower or the same.  Returns how many there are. */
int ormArcsComponents(const Arcs*, int *aComp);

#endif /* ORM_CASCADE_H */
