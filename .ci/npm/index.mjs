import orm from './index.cjs';
export const { getLoadablePath, load } = orm;
export default orm;
