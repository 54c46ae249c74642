package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.system.AddedPages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Tensors as a file stores them, which is held open, and which another process may truncate at any
 * moment. The system copies the bytes and reports where the file ends, so a truncated file is an
 * error here. With a memory mapping it would crash the JVM.
 */
final class StoredTensors implements TensorBytes {
  private final Path path;
  private final FileChannel channel;

  private final long length;

  private final long dataOffset;
  private volatile BlockReader blocks;
  private volatile AddedPages added;

  StoredTensors(Path path, FileChannel channel, long length, long dataOffset) {
    this.path = path;
    this.channel = channel;
    this.length = length;
    this.dataOffset = dataOffset;
  }

  @Override
  public void readThrough(DirectIo io) {
    blocks = io.reader(path, channel, length).orElse(null);
  }

  @Override
  public void readFromDevice(DirectIo io) {
    blocks = io.deviceReader(path, length).orElse(null);
  }

  @Override
  public void readThroughCache() {
    added = AddedPages.after(path, channel, length).orElse(null);
  }

  @Override
  public void dropAdded() {
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
    readCached(position + done, destination.asSlice(done));
  }

  private void readCached(long position, MemorySegment destination) {
    try {
      if (!FilePieces.read(channel, position, destination)) {
        throw shrunk(channel.size());
      }
      // A part that is cut off during a read may be read as zeros.
      long now = channel.size();
      if (now != length) {
        throw shrunk(now);
      }
    } catch (ClosedChannelException e) {
      CancelledException.throwIfInterrupted();
      throw new IllegalStateException(path + " is closed", e);
    } catch (IOException e) {
      throw InputException.unreadable(path, length + " bytes, as when the run began", e);
    }
  }

  private InputException shrunk(long now) {
    return ErrorDetails.file(path).wrong(length + " bytes, as when the run began", now + " bytes");
  }

  /** Reads what comes from the device, and returns how much that was. */
  private long readBlocks(TensorInfo info, long position, MemorySegment destination) {
    try {
      return blocks.read(position, dataOffset + info.end(), destination);
    } catch (IOException e) {
      throw InputException.unreadable(path, "to read it from the device", e);
    }
  }

  @Override
  public void close() {
    dropAdded();
    try {
      channel.close();
    } catch (IOException e) {
      throw InputException.unreadable(path, "to close it", e);
    }
  }
}
