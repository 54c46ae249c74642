package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.system.RealCause;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * A shard that an interrupted run has left, complete or not. Which tensors are complete is found
 * out by reading them, so that it doesn't matter what had not reached the device yet. Safe for use
 * by several threads.
 *
 * @param layout the file whose header it has, and where its tensors are
 * @param channel open for reading; closed with this
 */
public record WrittenShard(Path path, SafetensorsFile layout, FileChannel channel)
    implements AutoCloseable {
  /**
   * Opens a shard.
   *
   * @param path its path, at which there may be nothing
   * @param layout the file whose header it must have
   * @return empty if there is no regular file, if it has a second name (hard link), or another
   *     header
   * @throws OutputException if it can't be read
   */
  public static Optional<WrittenShard> open(Path path, SafetensorsFile layout) {
    if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS) || FileIdentity.names(path) > 1) {
      return Optional.empty();
    }
    try {
      FileChannel channel =
          FileChannel.open(path, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
      WrittenShard shard = new WrittenShard(path, layout, channel);
      if (hasHeader(channel, layout)) {
        return Optional.of(shard);
      }
      shard.close();
      return Optional.empty();
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /** Returns whether a file begins as a shard of this layout does; false too if it is shorter. */
  static boolean hasHeader(FileChannel channel, SafetensorsFile layout) throws IOException {
    byte[] header = layout.headerBytes();
    byte[] found = new byte[header.length];
    return FilePieces.read(channel, 0, MemorySegment.ofArray(found))
        && Arrays.equals(header, found);
  }

  /**
   * Returns whether a tensor's bytes are complete and have this CRC-32C.
   *
   * @throws OutputException if they can't be read
   * @throws CancelledException if the thread was interrupted
   */
  public boolean holds(TensorInfo info, int checksum) {
    CRC32C crc = new CRC32C();
    long position = layout.dataOffset() + info.begin();
    try {
      return FilePieces.forEach(channel, position, info.bytes(), crc::update)
          && (int) crc.getValue() == checksum;
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /**
   * Returns whether the file is as long as the shard is to be.
   *
   * @throws OutputException if that can't be found out
   */
  public boolean isWhole() {
    try {
      return channel.size() == layout.byteSize();
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private static OutputException unreadable(Path path, IOException e) {
    RealCause.throwIfBehind(e);
    return OutputException.of(path, "to read what is finished of it", e);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }
}
