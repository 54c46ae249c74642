package io.github.wandacuda.io;

/** How a run reads and writes shards. */
public enum IoMode {
  /**
   * Past the page cache where there is more to read and write than it has room for, and the file
   * system has a device and takes it; through it elsewhere.
   */
  AUTO,

  /** Past the page cache, with a warning where the file system doesn't take it. */
  DIRECT,

  /** Through the page cache. */
  BUFFERED
}
