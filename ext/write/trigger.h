/*
** Interface to trigger.c, for enforce.c: the text of one trigger; and what it
** shares with closure.c.
*/
#ifndef ORM_TRIGGER_H
#define ORM_TRIGGER_H
#include "../orm_int.h"

#define RIPPLE_MAX 8            /* as far as keys are followed (rename.c)     */

typedef struct Part Part;
typedef struct Closure Closure;
struct Part {                   /* a table that the delete can reach          */
  OrmNode *p;
  int iOrder;                   /* place in the order of deleting             */
  u8 bLeaf;                     /* no edges, deleted by edge: no work rows    */
  u8 bDelete, bTouch;           /* edges into it delete, let go or refuse     */
};
struct Closure {
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena *pArena;
  OrmBuf *pBuf;
  int n, nAlloc; Part *a;       /* a[0]: the trigger's own table              */
  int nMap, *aMap;              /* by OrmNode.iNode: 1 + its place in a[], 0  */
  int *aOrder;                  /* indexes of a[], in the order of deleting   */
  int nCol;                     /* most id columns of any                     */
  u8 bRipples;                  /* rows that let go are referred to           */
};

/* Interface to closure.c. */
void ormClosureBuild(Closure*, OrmNode *pRoot);
void ormClosureOrder(Closure*);
int ormClosureChains(const Closure*);  /* the tables' own triggers can do it  */
int ormClosureFind(const Closure*, const OrmNode*);     /* place in a[], -1   */
/* Edges: what a plain DELETE must heed, what deletes, lets go, forbids; and a
** reference that cannot be let go of before. */
int ormEdgeHeeds(const OrmEdge*);
int ormEdgeDeletes(const OrmEdge*);
int ormEdgeLetsGo(const OrmEdge*);
int ormEdgeForbids(const OrmEdge*);
int ormEdgeFirm(const OrmEdge*);

/* "CREATE TRIGGER .. END" for a table, as sqlite_schema keeps it; 0 if its
** deletes mean nothing to others.  The text is a function of rules and schema
** alone; more cascades than SQLite takes in one query are an error. */
int ormTriggerSql(Orm*, OrmErr*, OrmNode*, OrmBuf*);

#endif /* ORM_TRIGGER_H */
