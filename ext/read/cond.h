/*
** What the files of conditions share: cond.c (a where, checked), operator.c
** (operators and what they are given), compare.c (those as SQL), where.c (the
** whole where as SQL), aggregate.c (having).
*/
#ifndef ORM_COND_H
#define ORM_COND_H
#include "../orm_int.h"

#define STACK_DEEP 40           /* of the parser's stack: from where on order */
                                /*   and what stands in front count           */

/* The field operators, in the order of operator.c's table. */
enum {
  ORM_OP_EQ, ORM_OP_NE, ORM_OP_LT, ORM_OP_LTE, ORM_OP_GT, ORM_OP_GTE,
  ORM_OP_IN, ORM_OP_NOT_IN, ORM_OP_BETWEEN, ORM_OP_LIKE, ORM_OP_NOT_LIKE,
  ORM_OP_ILIKE, ORM_OP_GLOB, ORM_OP_CONTAINS, ORM_OP_STARTSWITH,
  ORM_OP_ENDSWITH, ORM_OP_IS_NULL, ORM_OP_DISTINCT_FROM
};

typedef struct OrmLeft OrmLeft;
typedef struct OrmOperand OrmOperand;
typedef struct OrmTest OrmTest;

struct OrmLeft {                /* what is compared                           */
  OrmModel *pModel;             /* {"field": ..} is looked for here; or 0     */
  const OrmField *pField;       /* or 0: a bare value, a count                */
  const char *zPath;            /* into a json field: '$."a"."b"'; or 0       */
  const char **pzSql;           /* SQL of what is no column; or 0             */
  u8 bCount;                    /* whole numbers only                         */
};
struct OrmOperand {             /* what it is compared with                   */
  u8 eJson;                     /* ORM_JSON_* it was given as                 */
  int iField;                   /* a field of the same object; -1: bind       */
  struct OrmBind bind;
};
struct OrmTest {                /* one operator and its operands              */
  u8 eOper;                     /* ORM_OP_*                                   */
  u8 bNot;                      /* is_null false                              */
  int nArg; OrmOperand *aArg;
  OrmTest *pNext;               /* and this one too                           */
};

enum {                          /* OrmCond.eKind                              */
  ORM_COND_NEVER,               /* false                                      */
  ORM_COND_AND, ORM_COND_OR,    /* of the list pFirst, never empty            */
  ORM_COND_TEST,                /* pTest over left                            */
  ORM_COND_COUNT,               /* pTest over the number of pRel's targets    */
  ORM_COND_REL                  /* some target of pRel meets pFirst           */
};
struct OrmCond {                /* 0 is the condition that is always true     */
  u8 eKind;
  u8 bNot;                      /* TEST, COUNT, REL: the opposite             */
  u8 bJoin;                     /* REL below a REL: joined to its targets     */
  u8 bMany;                     /* asks about a to-many, at whatever depth    */
  int nStack;                   /* what its SQL takes of the parser's stack   */
  OrmCond *pNext;               /* in the list that it stands in              */
  OrmCond *pFirst;
  const OrmJson *pNode;
  OrmLeft left;
  const OrmTest *pTest;
  OrmRel *pRel;
};

/* operator.c: the value of a name in a where, checked into tests that must all
** hold, in order.  0 on error. */
OrmTest *ormTestParse(OrmParse*, const OrmLeft*, const OrmJson*);

/* One more condition: an error if that is beyond max_conditions. */
void ormConditionCount(OrmParse*, const OrmJson*);

/* compare.c: a test as SQL.  zLeft is SQL for what is compared (for a path: of
** the field), zAlias where fields of the same object are. */
void ormTestSql(
  OrmSql*, const OrmTest*, const OrmLeft*, const char *zLeft, const char *zAlias
);

/* cond.c: conditions over names of another kind (having): xName finds what a
** member is about, or gives 0 and an error.  0 if there is nothing to ask. */
typedef int (*OrmCondName)(OrmParse*, void*, const OrmJson*, OrmLeft*);
const OrmCond *ormCondNamed(OrmParse*, OrmCondName, void*, const OrmJson*);
/* Members of an and, or the one condition that pWhole is. */
const OrmCond *ormCondFirst(const OrmCond *pWhole);
const OrmCond *ormCondAfter(const OrmCond *pWhole, const OrmCond*);

/* narrow.c: have the rows of a relationship's target an index to be found by,
** given the row that it starts from? */
int ormRelIndexed(Orm*, OrmErr*, const OrmRel*);
/* Is it known that few objects meet a relationship's condition, and that an
** index finds them?  Of a to-one's targets any index will do: they are fewer
** than what refers to them. */
int ormCondSelective(Orm*, OrmErr*, const OrmRel*, const OrmCond*);
/* May a where leave few of a model's rows before its relationships are asked
** about? */
int ormCondNarrow(Orm*, OrmErr*, const OrmModel*, const OrmCond*);
/* Is a field of the targets, or of what is joined to them, asked to equal a
** value? */
int ormCondAsksEqual(const OrmCond*);
/* where.c: may two values of a link table that are not equal to each other, be
** equal to one that they refer to; or one to several?  aField, azLink: the
** columns of either end. */
int ormLinkSpelled(
  Orm*, const OrmRel*, const OrmModel*, int n, const int *aField,
  const char **azLink
);
/* A bare condition, without " AND ". */
void ormCondSql(
  OrmSql*, OrmModel*, const OrmCond*, int eDeleted, const char *zAlias
);

#endif /* ORM_COND_H */
