package io.github.wandacuda.checkpoint;

import io.github.wandacuda.io.BlockReader;
import io.github.wandacuda.io.DirectIo;
import io.github.wandacuda.io.FileReads;
import io.github.wandacuda.io.Malformed;
import io.github.wandacuda.system.AddedPages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Tensors as a file stores them. */
final class StoredTensors implements TensorBytes {
  private final FileReads file;
  private final long dataOffset;
  private volatile BlockReader blocks;
  private volatile AddedPages added;

  /**
   * Takes over an open file, which it closes.
   *
   * @param dataOffset where the tensors' data begins in it
   */
  StoredTensors(FileReads file, long dataOffset) {
    this.file = file;
    this.dataOffset = dataOffset;
  }

  /** Reads past the page cache what isn't in it. */
  void readThrough(DirectIo io) {
    blocks = io.reader(file.file(), file.channel(), file.length()).orElse(null);
  }

  /** Reads from the device, whatever the page cache holds. */
  void readFromDevice(DirectIo io) {
    blocks = io.deviceReader(file.file(), file.length()).orElse(null);
  }

  /** Reads through the page cache, and notes what that will add to it. */
  void readThroughCache() {
    added = AddedPages.after(file.file(), file.channel(), file.length()).orElse(null);
  }

  /** Takes out of the page cache what was added to it. */
  void dropAdded() {
    AddedPages pages = added;
    added = null;
    if (pages != null) {
      pages.drop();
    }
  }

  @Override
  public void read(TensorInfo info, long offset, MemorySegment destination) {
    long position = dataOffset + info.begin() + offset;
    long done = blocks == null ? 0 : readBlocks(info, position, destination);
    file.read(position + done, destination.asSlice(done));
  }

  /** Reads what comes from the device, and returns how much that was. */
  private long readBlocks(TensorInfo info, long position, MemorySegment destination) {
    try {
      return blocks.read(position, dataOffset + info.end(), destination);
    } catch (IOException e) {
      throw Malformed.unreadable(file.file(), "to read it from the device", e);
    }
  }

  @Override
  public void close() {
    dropAdded();
    try {
      file.channel().close();
    } catch (IOException e) {
      throw Malformed.unreadable(file.file(), "to close it", e);
    }
  }
}
