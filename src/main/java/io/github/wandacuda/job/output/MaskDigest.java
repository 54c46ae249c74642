package io.github.wandacuda.job.output;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.system.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * The SHA-256 over the packed masks of all modules in a fixed order. Masks may come in any order
 * and from several threads. Those that come early wait: a few in memory and the others in a
 * temporary file, since all masks of a large model would not fit into memory.
 */
public final class MaskDigest implements MaskSink, AutoCloseable {
  /** The usual name of the temporary file. */
  public static final String SPILL = AtomicWrite.OWN + ".masks";

  private final int modules;
  private final Path spill;
  private long room;
  private final MessageDigest digest;
  private final Map<Integer, Extent> waiting = new HashMap<>();
  private FileChannel channel;
  private long spilled;
  private int next;

  /**
   * A mask that waits.
   *
   * @param held the mask, or null if it is in the file
   * @param offset where it is in the file, in bytes
   * @param length its bytes
   */
  private record Extent(MemorySegment held, long offset, long length) {}

  /**
   * Starts a digest. Its temporary file is created when it is needed, and deleted by {@link
   * #close}; one that an interrupted run has left is deleted at once.
   *
   * @param modules how many masks there will be
   * @param spill the path of the temporary file
   */
  public MaskDigest(int modules, Path spill) {
    this(modules, spill, 0);
    OutputDirectory.removeFile(spill);
  }

  /**
   * Starts a digest of masks that come nearly in order, so that a file is hardly ever needed.
   *
   * @param modules how many masks there will be
   * @param spill the path of the temporary file
   * @param heldBytes the most bytes of masks that wait in memory
   */
  public MaskDigest(int modules, Path spill, long heldBytes) {
    this.modules = modules;
    this.spill = spill;
    room = heldBytes;
    digest = Sha256.digest();
  }

  @Override
  public synchronized void add(int index, MemorySegment mask) {
    try {
      if (index != next) {
        wait(index, mask);
        return;
      }
      FilePieces.forEach(mask, digest::update);
      for (next++; waiting.containsKey(next); next++) {
        update(waiting.remove(next));
      }
    } catch (IOException e) {
      throw OutputException.unwritable(spill, e);
    }
  }

  private void wait(int index, MemorySegment mask) throws IOException {
    if (mask.byteSize() <= room) {
      room -= mask.byteSize();
      MemorySegment held = MemorySegment.ofArray(mask.toArray(ValueLayout.JAVA_BYTE));
      waiting.put(index, new Extent(held, 0, held.byteSize()));
      return;
    }
    if (channel == null) {
      channel = FileModes.create(spill);
    }
    waiting.put(index, new Extent(null, spilled, mask.byteSize()));
    FilePieces.write(channel, spilled, mask);
    spilled += mask.byteSize();
  }

  private void update(Extent extent) throws IOException {
    if (extent.held() != null) {
      FilePieces.forEach(extent.held(), digest::update);
      room += extent.length();
      return;
    }
    if (!FilePieces.forEach(channel, extent.offset(), extent.length(), digest::update)) {
      throw new IOException("it became shorter");
    }
  }

  /** Returns the digest in hexadecimal. To be called once, after all masks were added. */
  public synchronized String hex() {
    if (next != modules) {
      throw new IllegalStateException("%d of %d masks are there".formatted(next, modules));
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  @Override
  public synchronized void close() {
    try {
      if (channel != null) {
        channel.close();
        Files.deleteIfExists(spill);
        channel = null;
      }
    } catch (IOException e) {
      throw new OutputException(
          ErrorDetails.file(spill).said("can't be removed: " + Printable.reason(e)), e);
    }
  }

  /**
   * A SHA-256 of each module's packed mask. With it, the masks that were chosen are compared with
   * those that a written shard shows, in whatever order they come. Safe for use by several threads.
   */
  public static final class ModuleDigests implements MaskSink {
    private final byte[][] digests;

    /** Starts with no mask of so many modules. */
    public ModuleDigests(int modules) {
      digests = new byte[modules][];
    }

    @Override
    public void add(int index, MemorySegment mask) {
      MessageDigest digest = Sha256.digest();
      FilePieces.forEach(mask, digest::update);
      byte[] value = digest.digest();
      synchronized (this) {
        digests[index] = value;
      }
    }

    /**
     * Returns the index of the first module whose mask differs from that in {@code others}, or -1
     * if none does.
     */
    public int mismatch(ModuleDigests others) {
      return Arrays.mismatch(digests, others.digests, Arrays::compare);
    }
  }
}
