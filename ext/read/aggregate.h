/*
** What aggregate.c (the document of orm_aggregate, checked) and group.c (as
** SQL, and run) share.
*/
#ifndef ORM_AGGREGATE_H
#define ORM_AGGREGATE_H
#include "cond.h"

enum { AGG_GROUP, AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX };

typedef struct AggTerm AggTerm;
typedef struct AggOrder AggOrder;
typedef struct Aggregate Aggregate;

struct AggTerm {                /* a column of the result                     */
  const char *zName;            /* its key in the output                      */
  const OrmJson *pNode;
  u8 eFunc;                     /* AGG_*                                      */
  u8 bDistinct;
  u8 eType;                     /* ORM_TYPE_* of the values                   */
  int nHop; OrmRel **apHop;     /* relationships to what is aggregated        */
  int nMany;                    /* hops up to the last to-many one; 0: none   */
  OrmModel *pModel;             /* where they lead                            */
  int iField;                   /* of pModel; -1: its objects                 */
  int iPart;                    /* group.c: the SELECT that it is found by,   */
  const char *zSql;             /*   and what it is in the whole              */
};
struct AggOrder {
  int iTerm;
  u8 bDesc, bNullsLast;
};
struct Aggregate {
  OrmModel *pModel;
  int nGroup;                   /* terms 0..nGroup-1 are what is grouped by   */
  int nTerm, nTermAlloc; AggTerm *aTerm;
  const OrmCond *pWhere;        /* or 0                                       */
  const OrmCond *pHaving;       /* over the terms' zSql; or 0                 */
  int nOrder; AggOrder *aOrder; /* every group once, at the end               */
  i64 iLimit, iOffset;          /* iLimit -1: none                            */
  u8 eDeleted;
};

/* aggregate.c: 0 and an error (in the parse's pErr) if the text is none. */
Aggregate *ormAggregateParse(OrmParse*, OrmModel*, const char *z, i64 n);
/* group.c: its text. */
void ormGroupSql(OrmSql*, Aggregate*);

#endif /* ORM_AGGREGATE_H */
