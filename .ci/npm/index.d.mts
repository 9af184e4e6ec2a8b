/** A connection of better-sqlite3, libsql, node:sqlite, bun:sqlite... */
export interface Connection {
  loadExtension(path: string): unknown;
}
/** The path of the library for this platform; throws where there is none. */
export function getLoadablePath(): string;
/** Load the extension into a connection. */
export function load(db: Connection): void;
declare const orm: {
  getLoadablePath: typeof getLoadablePath;
  load: typeof load;
};
export default orm;
