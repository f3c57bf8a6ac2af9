/** Of the local extract; stored with what it made. Raise it with every change of its answers. */
export const EXTRACT_VERSION = 'extract 1';
