package io.github.wandacuda.checkpoint;

import io.github.wandacuda.DType;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.system.AddedPages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/** A safetensors file, checked and held open. Safe for use by several threads. */
public final class SafetensorsFile implements AutoCloseable {
  private static final String WHAT = "a safetensors file";

  private final Path path;
  private final byte[] headerBytes;
  private final Map<String, String> metadata;
  private final Map<String, TensorInfo> tensors;
  private final List<TensorInfo> ordered;
  private final TensorBytes bytes;

  private SafetensorsFile(
      Path path, byte[] headerBytes, SafetensorsHeader header, TensorBytes bytes) {
    this.path = path;
    this.headerBytes = headerBytes;
    this.metadata = header.metadata();
    this.ordered = header.tensors();
    this.tensors = header.byName();
    this.bytes = bytes;
  }

  /**
   * Returns a file as it would be, whose tensors are made from something else when they are read.
   *
   * @param headerBytes what it would begin with, the length prefix included
   * @param bytes gives what the tensors are read from, which the file closes
   * @throws InputException if that is no header, or its tensors don't follow each other
   */
  public static SafetensorsFile of(
      Path path, byte[] headerBytes, Function<List<TensorInfo>, TensorBytes> bytes) {
    SafetensorsHeader header = ExpertStacks.apart(path, SafetensorsHeader.alone(path, headerBytes));
    return new SafetensorsFile(path, headerBytes.clone(), header, bytes.apply(header.tensors()));
  }

  /**
   * Checks the whole header of a file and holds the file open.
   *
   * @throws InputException if it isn't there, can't be read, or breaks the format in any way
   */
  public static SafetensorsFile open(Path path) {
    return open(path, new SafetensorsHeader.Budget(), null);
  }

  /** Returns whether a file's metadata say that it is of a format. */
  public static boolean isOf(Path path, String format) {
    try (SafetensorsFile file = open(path)) {
      return format.equals(file.metadata.get("format"));
    } catch (InputException e) {
      return false;
    }
  }

  /** Opens one of a model's shards, whose headers share a budget of memory. */
  static SafetensorsFile open(Path path, SafetensorsHeader.Budget room) {
    return open(path, room, "download it, or copy it here");
  }

  private static SafetensorsFile open(
      Path path, SafetensorsHeader.Budget room, String whereMissing) {
    if (!Files.isRegularFile(path)) {
      throw ErrorDetails.file(path)
          .hint(Files.isDirectory(path) ? null : whereMissing)
          .wrong(WHAT, notAFile(path));
    }
    try {
      FileChannel channel = InputFile.channel(path);
      try {
        return open(path, channel, room);
      } catch (IOException | RuntimeException | Error e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw InputException.unreadable(path, WHAT, e);
    }
  }

  private static SafetensorsFile open(Path path, FileChannel channel, SafetensorsHeader.Budget room)
      throws IOException {
    long length = channel.size();
    byte[] headerBytes = readHeader(path, channel, length, room);
    SafetensorsHeader header =
        ExpertStacks.apart(path, SafetensorsHeader.parse(path, headerBytes, length, room));
    return new SafetensorsFile(
        path, headerBytes, header, new StoredTensors(path, channel, length, headerBytes.length));
  }

  private static String notAFile(Path path) {
    if (Files.isDirectory(path)) {
      return "a folder";
    }
    if (Files.exists(path)) {
      return "something that is no regular file";
    }
    return Files.isSymbolicLink(path) ? "a symbolic link to nothing" : "nothing";
  }

  private static byte[] readHeader(
      Path path, FileChannel channel, long fileLength, SafetensorsHeader.Budget room)
      throws IOException {
    int prefix = (int) Math.min(fileLength, SafetensorsHeader.LENGTH_BYTES);
    ByteBuffer start = ByteBuffer.allocate(prefix);
    readFully(path, channel, start);
    int length = SafetensorsHeader.length(path, start.array(), fileLength);
    room.take(path, length);
    ByteBuffer bytes = ByteBuffer.allocate(prefix + length);
    bytes.put(start.rewind());
    readFully(path, channel, bytes);
    return bytes.array();
  }

  private static void readFully(Path path, FileChannel channel, ByteBuffer bytes)
      throws IOException {
    while (bytes.hasRemaining()) {
      if (channel.read(bytes) < 0) {
        throw ErrorDetails.part(path, "header")
            .wrong(bytes.capacity() + " bytes", bytes.position() + " before the file ends");
      }
    }
  }

  public Path path() {
    return path;
  }

  public long byteSize() {
    return dataOffset() + (ordered.isEmpty() ? 0 : ordered.getLast().end());
  }

  public TensorBytes bytes() {
    return bytes;
  }

  /** Returns a copy of the file's bytes up to the data section, the length prefix included. */
  public byte[] headerBytes() {
    return headerBytes.clone();
  }

  /** Returns the offset in the file, in bytes, at which the data section starts. */
  public long dataOffset() {
    return headerBytes.length;
  }

  /** Returns the header's {@code __metadata__}; empty if it has none. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /**
   * Returns the tensors in the order of their bytes; of one that holds a matrix or a bias of each
   * expert the experts' parts, as {@code mlp.experts.down_proj.0.weight} is of {@code
   * mlp.experts.down_proj}.
   */
  public List<TensorInfo> tensors() {
    return ordered;
  }

  /** Returns the tensors as the header has them, also those that hold a matrix of each expert. */
  public List<TensorInfo> stored() {
    return SafetensorsHeader.alone(path, headerBytes).tensors();
  }

  /**
   * Returns a tensor, a whole one or one of {@link #tensors}, by its name, or nothing if the file
   * has none of that name.
   */
  public Optional<TensorInfo> tensor(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /**
   * Reads bytes of a tensor until {@code destination} is full. If the thread is interrupted
   * meanwhile, the file is closed.
   *
   * @throws IndexOutOfBoundsException if the tensor ends before that
   * @throws io.github.wandacuda.error.CancelledException if the thread was interrupted
   */
  public void read(TensorInfo info, long offset, MemorySegment destination) {
    Objects.checkFromIndexSize(offset, destination.byteSize(), info.bytes());
    bytes.read(info, offset, destination);
  }

  /**
   * Returns a copy of a vector, widened exactly to float32.
   *
   * @throws InputException if the tensor isn't a vector of F32, F16 or BF16, is longer than a Java
   *     array can be, or the file has become shorter
   */
  public float[] vector(TensorInfo info) {
    DType type =
        info.type()
            .orElseThrow(
                () ->
                    ErrorDetails.tensor(path, info.name())
                        .wrong(
                            "a vector of F32, F16 or BF16",
                            "%s %s".formatted(Printable.of(info.dtype()), info.shape())));
    if (info.shape().size() > 1 || info.bytes() > Integer.MAX_VALUE - 8) {
      throw ErrorDetails.tensor(path, info.name())
          .wrong("a vector below 2 GiB", "%s %s".formatted(type, info.shape()));
    }
    float[] values = new float[(int) info.elements()];
    MemorySegment copy = MemorySegment.ofArray(new byte[(int) info.bytes()]);
    read(info, 0, copy);
    type.read(copy, 0, 1, values, 0, values.length);
    return values;
  }

  @Override
  public void close() {
    bytes.close();
  }

  /**
   * Tensors as a file stores them, which is held open, and which another process may truncate at
   * any moment. The system copies the bytes and reports where the file ends, so a truncated file is
   * an error here. With a memory mapping it would crash the JVM.
   */
  private static final class StoredTensors implements TensorBytes {
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
      return ErrorDetails.file(path)
          .wrong(length + " bytes, as when the run began", now + " bytes");
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
}
