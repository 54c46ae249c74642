package io.github.wandacuda.library;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.SafetensorsHeader;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * A safetensors file that lies in memory, such as a shard that an engine has mapped. Tensors are
 * views of that memory, which stays the caller's: nothing is copied but vectors. Messages name
 * tensor, what was expected and what was found. Of a packed shard the tensors are those that are
 * stored, and {@link #sparseMatrix} views what they stand for. Names of tensors that aren't there
 * are refused with an {@link IllegalArgumentException}.
 */
public final class SafetensorsShard {
  /** The longest array that every JVM can make. */
  private static final int LONGEST_ARRAY = Integer.MAX_VALUE - 8;

  private final MemorySegment file;
  private final SafetensorsHeader header;
  private final Set<String> names;

  private SafetensorsShard(MemorySegment file, SafetensorsHeader header) {
    this.file = file;
    this.header = header;
    Set<String> inOrder = new LinkedHashSet<>();
    header.tensors().forEach(tensor -> inOrder.add(tensor.name()));
    names = Collections.unmodifiableSet(inOrder);
  }

  /**
   * Reads and checks the header.
   *
   * @param file the whole file, from its first byte to its last; may be read-only
   * @return the file
   * @throws NullPointerException if {@code file} is null
   * @throws IllegalArgumentException if the header breaks the format in any way, or memory and
   *     header disagree about the file's length
   * @throws IllegalStateException if the memory is closed
   * @throws WrongThreadException if the memory is confined to another thread
   */
  public static SafetensorsShard of(MemorySegment file) {
    Objects.requireNonNull(file, "file");
    Memory.requireReadable("file", file);
    try {
      return new SafetensorsShard(file, SafetensorsHeader.of(file));
    } catch (InputException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /** {@return the names of all tensors, in the order of their bytes} */
  public Set<String> names() {
    return names;
  }

  /**
   * {@return whether there is a tensor of that name}
   *
   * @param name the tensor's name
   */
  public boolean contains(String name) {
    return header.byName().containsKey(name);
  }

  /**
   * {@return a tensor's element type as the header spells it, which may be one that isn't computed
   * with}
   *
   * @param name the tensor's name
   */
  public String dtype(String name) {
    return tensor(name).dtype();
  }

  /**
   * {@return a tensor's sizes, outermost first; none for a scalar}
   *
   * @param name the tensor's name
   */
  public List<Long> shape(String name) {
    return tensor(name).shape();
  }

  /**
   * {@return a tensor's bytes, a slice of the file}
   *
   * @param name the tensor's name
   */
  public MemorySegment data(String name) {
    return data(tensor(name));
  }

  private MemorySegment data(TensorInfo info) {
    return file.asSlice(header.bytes() + info.begin(), info.bytes());
  }

  /**
   * {@return a view of a matrix}
   *
   * @param name the tensor's name
   * @throws IllegalArgumentException if it has other than two dimensions or more than 2^31 - 1 rows
   *     or columns, or isn't F32, F16 or BF16
   */
  public WeightMatrix matrix(String name) {
    TensorInfo info = tensor(name);
    DType dtype = info.type().orElseThrow(() -> wrong(info, "a matrix of F32, F16 or BF16"));
    if (!info.isMatrix()) {
      throw wrong(info, "a matrix");
    }
    try {
      return WeightMatrix.of(data(name), dtype, info.rows(), info.columns());
    } catch (InputException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /**
   * {@return whether a weight is stored packed, without its zeros}
   *
   * @param name the weight's name in the model, such as {@code model.layers.0.mlp.up_proj.weight}
   */
  public boolean isPacked(String name) {
    Objects.requireNonNull(name, "name");
    return PackedFormat.isKnown(header.metadata())
        && name.endsWith(PackedFormat.WEIGHT)
        && contains(PackedFormat.Names.of(name).bitmask());
  }

  /**
   * {@return a view of a weight that is stored packed} Rows and columns are those in which the
   * dense one is stored: of GPT-2's Conv1D, [in, out].
   *
   * @param name the weight's name in the model, such as {@code model.layers.0.mlp.up_proj.weight}
   * @throws IllegalArgumentException if it isn't {@linkplain #isPacked packed}, one of its parts is
   *     missing or of another type or size, or {@link SparseMatrix#of} refuses them
   */
  public SparseMatrix sparseMatrix(String name) {
    if (!isPacked(name)) {
      throw wrong(name, "a packed weight", contains(name) ? "a dense one" : "none");
    }
    PackedFormat.Names names = PackedFormat.Names.of(name);
    TensorInfo values = part(names.compressed());
    DType dtype = values.type().orElseThrow(() -> wrong(values, "F32, F16 or BF16"));
    TensorInfo shape = part(names.shape());
    require(shape, "I64", 2L * Long.BYTES);
    int rows = size(shape, 0);
    int columns = size(shape, Long.BYTES);
    TensorInfo bits = part(names.bitmask());
    require(bits, "U8", rows * Math.ceilDiv((long) columns, Byte.SIZE));
    TensorInfo offsets = part(names.rowOffsets());
    require(offsets, "I64", (long) rows * Long.BYTES);
    try {
      return SparseMatrix.of(data(values), data(bits), data(offsets), rows, columns, dtype);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor %s: %s".formatted(name, e.getMessage()), e);
    }
  }

  private TensorInfo part(String name) {
    if (!contains(name)) {
      throw wrong(name, "it beside the module's others", "none");
    }
    return header.byName().get(name);
  }

  private int size(TensorInfo shape, long at) {
    long size = data(shape).get(LONG, at);
    if (size < 0 || size > Integer.MAX_VALUE) {
      throw wrong(
          shape.name(), "sizes from 0 to %d".formatted(Integer.MAX_VALUE), String.valueOf(size));
    }
    return (int) size;
  }

  private static void require(TensorInfo info, String dtype, long bytes) {
    if (!info.dtype().equals(dtype) || info.bytes() != bytes) {
      throw wrong(info, "%s of %d bytes".formatted(dtype, bytes));
    }
  }

  /**
   * {@return a copy of a vector or scalar, widened exactly to float32: the norms of a statistics
   * file}
   *
   * @param name the tensor's name
   * @throws IllegalArgumentException if it has more than one dimension or more elements than a Java
   *     array, or isn't F32, F16 or BF16
   */
  public float[] vector(String name) {
    TensorInfo info = tensor(name);
    DType dtype = info.type().orElseThrow(() -> wrong(info, "a vector of F32, F16 or BF16"));
    if (info.shape().size() > 1 || info.elements() > LONGEST_ARRAY) {
      throw wrong(info, "a vector of at most %d elements".formatted(LONGEST_ARRAY));
    }
    float[] values = new float[(int) info.elements()];
    dtype.read(data(name), 0, 1, values, 0, values.length);
    return values;
  }

  /** Returns how many tensors there are, in how many bytes. */
  @Override
  public String toString() {
    return "SafetensorsShard[%d tensors, %d bytes]".formatted(names.size(), file.byteSize());
  }

  private TensorInfo tensor(String name) {
    TensorInfo info = header.byName().get(Objects.requireNonNull(name, "name"));
    if (info == null) {
      throw new IllegalArgumentException(
          ErrorDetails.NOWHERE
              .tensor(name)
              .expected("one of the file's %d tensors".formatted(names.size()), "none")
              .hint(packing())
              .line());
    }
    return info;
  }

  /** Returns what is to be known of a packed shard, or null. */
  private String packing() {
    if (!PackedFormat.isPacked(header.metadata())) {
      return null;
    }
    return "the shard is packed, "
        + (PackedFormat.isKnown(header.metadata())
            ? "and its packed weights are sparse matrices"
            : "by another version of wanda-cuda");
  }

  private static IllegalArgumentException wrong(TensorInfo info, String expected) {
    return wrong(info.name(), expected, info.what());
  }

  private static IllegalArgumentException wrong(String tensor, String expected, String found) {
    return new IllegalArgumentException(
        ErrorDetails.NOWHERE.tensor(tensor).expected(expected, found).line());
  }
}
