package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.FilePieces;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.function.LongConsumer;
import java.util.zip.CRC32C;

/**
 * Writes the file of {@link GgufZeros}: first what stays as it is, then weight by weight as their
 * masks are known. What an interrupted run has written is gone on with. Weights may be written by
 * several threads at once.
 */
public final class GgufZerosWriter implements AutoCloseable {
  private final GgufZeros layout;
  private final Path file;
  private final FileChannel out;
  private final boolean begun;

  private GgufZerosWriter(GgufZeros layout, Path file, FileChannel out, boolean begun) {
    this.layout = layout;
    this.file = file;
    this.out = out;
    this.begun = begun;
  }

  /**
   * Begins a file, or opens one that was begun.
   *
   * @param resume whether a file that was begun there is gone on with; otherwise it is replaced
   * @param attributes of a new file, see {@link FileModes}
   * @throws OutputException if it can't be written, or is a link
   */
  public static GgufZerosWriter open(
      GgufZeros layout, Path file, boolean resume, FileAttribute<?>... attributes) {
    try {
      if (resume && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        FileChannel there =
            FileChannel.open(
                file, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
        if (isBegun(layout, there)) {
          return new GgufZerosWriter(layout, file, there, true);
        }
      }
      Files.deleteIfExists(file);
      FileChannel out = FileModes.create(file, attributes);
      return new GgufZerosWriter(layout, file, out, false);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Returns whether a file begins as it should; it is closed if not. */
  private static boolean isBegun(GgufZeros layout, FileChannel there) throws IOException {
    boolean begun = false;
    try {
      begun = there.size() <= layout.bytes() && GgufCopy.beginsWith(there, layout.start());
    } finally {
      if (!begun) {
        there.close();
      }
    }
    return begun;
  }

  /** Returns whether an earlier run has begun the file. */
  public boolean isBegun() {
    return begun;
  }

  /**
   * Writes what is outside of the weights. What an earlier run has written is read and compared.
   *
   * @param written is told of bytes as they are written or found to be right
   */
  public void copyKept(LongConsumer written) {
    OutputException.writing(
        file,
        () -> {
          FilePieces.write(out, 0, MemorySegment.ofArray(layout.start()));
          layout.forEachKept(
              (stored, from, to, bytes) -> {
                CancelledException.throwIfInterrupted();
                if (!begun || !GgufCopy.equals(stored.file(), from, out, to, bytes)) {
                  out.position(to);
                  GgufCopy.copy(stored.file(), from, bytes, out);
                }
                written.accept(bytes);
              });
          layout.forEachPadding(
              (at, bytes) -> FilePieces.write(out, at, MemorySegment.ofArray(new byte[bytes])));
        });
  }

  /**
   * Writes a weight.
   *
   * @param mask packed, of all of its rows
   * @return the CRC-32C of its bytes
   */
  public int write(GgufWeight weight, MemorySegment mask) {
    CRC32C crc = new CRC32C();
    OutputException.writing(
        file,
        () ->
            GgufZeros.forEachZeroed(
                layout,
                weight,
                mask,
                (at, codes) -> {
                  FilePieces.write(out, at, MemorySegment.ofArray(codes));
                  crc.update(codes);
                }));
    return (int) crc.getValue();
  }

  /**
   * Returns whether the file has a weight's bytes.
   *
   * @param checksum the CRC-32C that {@link #write} has returned for them
   */
  public boolean holds(GgufWeight weight, int checksum) {
    CRC32C crc = new CRC32C();
    boolean[] whole = {true};
    OutputException.writing(
        file,
        () ->
            weight.forEachRun(
                GgufZeros.CHUNK,
                (row, begin, count) -> {
                  byte[] codes =
                      new byte[Math.toIntExact(count * begin.stored().tensor().rowBytes())];
                  whole[0] &=
                      FilePieces.read(out, layout.place(begin), MemorySegment.ofArray(codes));
                  crc.update(ByteBuffer.wrap(codes));
                }));
    return whole[0] && (int) crc.getValue() == checksum;
  }

  /** Waits until all of it is on the device. */
  public void force() {
    OutputException.writing(file, () -> out.force(true));
  }

  @Override
  public void close() {
    OutputException.writing(file, out::close);
  }
}
