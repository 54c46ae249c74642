package io.github.wandacuda.checkpoint;

import io.github.wandacuda.DType;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.system.AddedPages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A safetensors file whose header was checked whole and whose tensors are read on demand: from the
 * file, which is held open, or from whatever makes them. Safe for use by several threads.
 */
public final class SafetensorsFile implements AutoCloseable {
  private static final String WHAT = "a safetensors file";

  private final Path path;
  private final byte[] headerBytes;
  private final SafetensorsHeader header;
  private final SafetensorsHeader apart;
  private final TensorBytes bytes;

  private SafetensorsFile(
      Path path,
      byte[] headerBytes,
      SafetensorsHeader header,
      Function<List<TensorInfo>, TensorBytes> bytes) {
    this.path = path;
    this.headerBytes = headerBytes;
    this.header = header;
    apart = ExpertStacks.apart(path, header);
    this.bytes = bytes.apply(apart.tensors());
  }

  /**
   * Returns a file as it would be, whose tensors are made from something else when they are read.
   *
   * @param path the file that messages name
   * @param headerBytes what it would begin with, the length prefix included
   * @param bytes gets the tensors of the header, and gives what they are read from, which the file
   *     closes
   * @throws InputException if that is no header, or its tensors don't follow each other
   */
  public static SafetensorsFile of(
      Path path, byte[] headerBytes, Function<List<TensorInfo>, TensorBytes> bytes) {
    return new SafetensorsFile(
        path, headerBytes.clone(), SafetensorsHeader.alone(path, headerBytes), bytes);
  }

  /**
   * Checks the whole header of a file and holds the file open.
   *
   * @param path the file, or a symbolic link to it
   * @throws InputException if it isn't there, can't be read, or breaks the format in any way
   */
  public static SafetensorsFile open(Path path) {
    return open(path, new SafetensorsHeader.Budget(), null);
  }

  /**
   * Returns whether a file's metadata say that it is of a format; false too if it can't be read as
   * a safetensors file.
   *
   * @param format the value of the metadata's key {@code format}
   */
  public static boolean isOf(Path path, String format) {
    try (SafetensorsFile file = open(path)) {
      return format.equals(file.metadata().get("format"));
    } catch (InputException e) {
      return false;
    }
  }

  /**
   * Opens one of a model's shards.
   *
   * @param room what the headers of all shards may take together
   * @param whereMissing what to do if there is no such file, for the message; or null
   */
  static SafetensorsFile open(Path path, SafetensorsHeader.Budget room, String whereMissing) {
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
    return new SafetensorsFile(
        path,
        headerBytes,
        SafetensorsHeader.parse(path, headerBytes, length, room),
        unused -> new StoredTensors(path, channel, length, headerBytes.length));
  }

  private static String notAFile(Path path) {
    if (Files.exists(path)) {
      return Files.isDirectory(path) ? "a folder" : "something that is no regular file";
    }
    return Files.isSymbolicLink(path) ? "a symbolic link to nothing" : "nothing";
  }

  private static byte[] readHeader(
      Path path, FileChannel channel, long fileLength, SafetensorsHeader.Budget room)
      throws IOException {
    int prefix = (int) Math.min(fileLength, SafetensorsHeader.LENGTH_BYTES);
    int length = SafetensorsHeader.length(path, start(path, channel, prefix), fileLength);
    room.take(path, length);
    return start(path, channel, prefix + length);
  }

  private static byte[] start(Path path, FileChannel channel, int count) throws IOException {
    byte[] bytes = new byte[count];
    if (!FilePieces.read(channel, 0, MemorySegment.ofArray(bytes))) {
      throw ErrorDetails.part(path, "header").wrong(count + " bytes", "a file that became shorter");
    }
    return bytes;
  }

  /** Returns the path as it was given. */
  public Path path() {
    return path;
  }

  /** Returns the last part of the path. */
  public String fileName() {
    return path.getFileName().toString();
  }

  /** Returns the file's length in bytes, as its header says. */
  public long byteSize() {
    return dataOffset() + (tensors().isEmpty() ? 0 : tensors().getLast().end());
  }

  /** Returns what the tensors are read from; closed with this file. */
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
    return header.metadata();
  }

  /**
   * Returns the tensors in the order of their bytes. Of a tensor that holds a matrix or a bias of
   * each expert, the experts' parts are returned in its place: {@code
   * mlp.experts.down_proj.0.weight} and so on for {@code mlp.experts.down_proj}.
   */
  public List<TensorInfo> tensors() {
    return apart.tensors();
  }

  /** Returns the tensors as the header has them, also those that hold a matrix of each expert. */
  public List<TensorInfo> stored() {
    return header.tensors();
  }

  /**
   * Returns a tensor by its name, or nothing if the file has none of that name.
   *
   * @param name of one of {@link #tensors} or of {@link #stored}
   */
  public Optional<TensorInfo> tensor(String name) {
    return Optional.ofNullable(apart.byName().get(name));
  }

  /**
   * Reads bytes of a tensor until {@code destination} is full. If the thread is interrupted
   * meanwhile, the file is closed.
   *
   * @param offset in the tensor, in bytes
   * @throws IndexOutOfBoundsException if the tensor ends before that
   * @throws InputException if the file can't be read or has become shorter
   * @throws io.github.wandacuda.error.CancelledException if the thread was interrupted
   */
  public void read(TensorInfo info, long offset, MemorySegment destination) {
    Objects.checkFromIndexSize(offset, destination.byteSize(), info.bytes());
    bytes.read(info, offset, destination);
  }

  /**
   * Returns a copy of a vector or a scalar, widened exactly to float32.
   *
   * @param info one of the file's tensors, with at most one dimension
   * @throws InputException if it is of another shape, isn't of F32, F16 or BF16, is longer than a
   *     Java array can be, or the file has become shorter
   */
  public float[] vector(TensorInfo info) {
    DType type =
        info.type()
            .orElseThrow(
                () ->
                    ErrorDetails.tensor(path, info.name())
                        .wrong("a vector of F32, F16 or BF16", info.what()));
    if (info.shape().size() > 1 || info.bytes() > Integer.MAX_VALUE - 8) {
      throw ErrorDetails.tensor(path, info.name()).wrong("a vector below 2 GiB", info.what());
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

  /**
   * Tensors that hold a matrix of each expert of a mixture, [experts, rows, columns], and their
   * biases, [experts, features]. Code that works on modules sees each expert's part as a tensor of
   * its own. Its name is the stack's, the expert's number and what the part is:
   *
   * <ul>
   *   <li>{@code mlp.experts.down_proj} has {@code mlp.experts.down_proj.0.weight}, {@code
   *       mlp.experts.down_proj.1.weight} and so on;
   *   <li>{@code mlp.experts.down_proj_bias} has {@code mlp.experts.down_proj.0.bias} and so on;
   *   <li>what is stored beside a quantized stack has {@code weight_blocks}, {@code weight_scales}
   *       and the like as the last part; blocks are [rows, bytes of a row].
   * </ul>
   *
   * <p>The file's header has the stacks only; the parts' bytes follow each other there in the
   * experts' order.
   */
  private static final class ExpertStacks {
    /**
     * The names of stacks. The group, if there is one, is the ending of what is stored beside a
     * stack: its biases, or the codes and scales of a quantized one.
     */
    private static final Pattern STACK =
        Pattern.compile(
            "(?:\\.|^)(?:experts\\.(?:gate_up_proj|gate_proj|up_proj|down_proj)"
                + "|block_sparse_moe\\.(?:input_linear|output_linear))(?:\\.weight|"
                + "(_bias|_blocks|_scales|_scale|_scale_inv|_weight_scale|_weight_scale_2))?$");

    private static final int MATRICES = 3;

    private ExpertStacks() {}

    /**
     * Returns a header's content with the parts of stacks in the stacks' places. By name the stacks
     * are there too, since an index names those.
     *
     * @throws io.github.wandacuda.error.InputException if there are too many parts, or a part has
     *     the name of another tensor
     */
    static SafetensorsHeader apart(Path file, SafetensorsHeader header) {
      if (header.tensors().stream().allMatch(tensor -> parts(tensor).isEmpty())) {
        return header;
      }
      List<TensorInfo> apart = new ArrayList<>();
      Map<String, TensorInfo> byName = new HashMap<>(header.byName());
      for (TensorInfo tensor : header.tensors()) {
        Optional<Parts> parts = parts(tensor);
        long count = parts.isEmpty() ? 1 : tensor.shape().getFirst();
        if (apart.size() + count > TensorNames.MOST) {
          throw ErrorDetails.tensor(file, tensor.name())
              .wrong("at most %d tensors and experts".formatted(TensorNames.MOST), "more");
        }
        for (int expert = 0; expert < count; expert++) {
          TensorInfo part = parts.isEmpty() ? tensor : parts.get().of(expert);
          apart.add(part);
          TensorInfo other = byName.put(part.name(), part);
          if (other != null && !other.equals(part)) {
            throw ErrorDetails.tensor(file, part.name())
                .wrong("a part of one tensor", "a tensor of this name beside it");
          }
        }
      }
      return new SafetensorsHeader(header.bytes(), header.metadata(), List.copyOf(apart), byName);
    }

    private static Optional<Parts> parts(TensorInfo tensor) {
      // Where it can match, since most of the names of a model with many experts are no stack's.
      int at =
          Math.max(
              tensor.name().lastIndexOf("experts."),
              tensor.name().lastIndexOf("block_sparse_moe."));
      Matcher name =
          STACK.matcher(tensor.name()).region(Math.max(0, at - 1), tensor.name().length());
      int dimensions = tensor.shape().size();
      if (dimensions == 0 || tensor.elements() == 0 || at < 0 || !name.lookingAt()) {
        return Optional.empty();
      }
      String ending = name.group(1) == null ? "" : name.group(1);
      boolean fits =
          switch (ending) {
            case "" -> dimensions == MATRICES;
            case "_bias" -> dimensions == MATRICES - 1;
            case "_blocks" -> dimensions == MATRICES + 1;
            default -> dimensions <= MATRICES;
          };
      if (!fits || tensor.bytes() % tensor.shape().getFirst() != 0) {
        return Optional.empty();
      }
      String suffix =
          switch (ending) {
            case "" -> ".weight";
            case "_bias" -> ".bias";
            default ->
                ending.startsWith("_weight") ? "." + ending.substring(1) : ".weight" + ending;
          };
      String stack = tensor.name().replaceFirst("(?:\\.weight|" + ending + ")$", "");
      return Optional.of(new Parts(tensor, stack, suffix));
    }

    /**
     * The parts of a stack.
     *
     * @param prefix what comes before an expert's number in their names
     * @param suffix what comes behind it
     */
    private record Parts(TensorInfo stack, String prefix, String suffix) {
      TensorInfo of(int expert) {
        List<Long> shape = stack.shape();
        long bytes = stack.bytes() / shape.getFirst();
        long begin = stack.begin() + expert * bytes;
        List<Long> rest = shape.subList(1, shape.size());
        return new TensorInfo(
            prefix + '.' + expert + suffix,
            stack.dtype(),
            rest.size() == MATRICES ? List.of(rest.get(0), rest.get(1) * rest.get(2)) : rest,
            begin,
            begin + bytes);
      }
    }
  }
}
