/*
** What the programs of tests/bench/ share: a connection with the extension,
** statements that must succeed, times and their median.
*/
#ifndef BENCH_KIT_H
#define BENCH_KIT_H
#include <sqlite3.h>

#define MAX_RUNS 101

extern sqlite3 *db;             /* the connection that run() and others use   */
extern sqlite3_int64 nSeen;     /* keeps what is read from being unused       */

/* Open a file (a new one if bNew), with the extension loaded. */
void openFile(const char *zFile, const char *zLibrary, int bNew);
void closeFile(void);

/* Each ends the program with a message if it fails. */
void die(const char *zWhat);
void run(const char *zSql);
void runf(const char *zFormat, ...);                  /* sqlite3_mprintf's    */
sqlite3_stmt *prepare(const char *zSql);
sqlite3_stmt *preparef(const char *zFormat, ...);
sqlite3_int64 number(const char *zSql);               /* the first column     */

/* Read all rows and columns of a statement and reset it; returns the rows. */
sqlite3_int64 readAll(sqlite3_stmt *pStmt);

double seconds(void);           /* by the clock                               */
double processor(void);         /* of this process, the system's part too     */
double median(double *a, int n);
#endif
