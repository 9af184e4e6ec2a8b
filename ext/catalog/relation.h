/*
** What the resolvers of relationships share: relation.c and manytomany.c.
*/
#ifndef ORM_RELATION_H
#define ORM_RELATION_H
#include "../orm_int.h"

typedef struct OrmResolver OrmResolver;
struct OrmResolver {            /* a relationship on its way in               */
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena *pArena;
  OrmRel *pRel;
};
/* "orm: relationship User.posts: ..." */
void ormRelErr(OrmErr*, const OrmRel*, const char *zFormat, ...);
/* The fields of pModel in a cell; their number, 0 for NULL. */
int ormRelFields(OrmResolver*, OrmModel*, const char *zCell,
                 const char *zWhat, int *a);
const int *ormRelCopy(OrmArena*, int n, const int *a);
/* manytomany.c: the link table and both its ends. */
void ormRelLink(OrmResolver*);

#endif /* ORM_RELATION_H */
