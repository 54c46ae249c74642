package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorBytes;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.JsonInput;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a shard lies packed. Its tensors are in the order of their elements' sizes, the largest
 * first, so that each is aligned, and otherwise in the source's order.
 */
record ShardPlan(SafetensorsFile source, List<ModulePlan> modules, SafetensorsFile layout) {
  private static final Pattern SIZE = Pattern.compile("\\D+(\\d+).*");

  /** A tensor that has no place yet. */
  private record Part(String name, String dtype, List<Long> shape, long bytes) {
    static Part copy(TensorInfo tensor) {
      return new Part(tensor.name(), tensor.dtype(), tensor.shape(), tensor.bytes());
    }

    /** Returns the bytes that its elements take, 1 if they take fewer or it isn't known. */
    int elementBytes() {
      Matcher size = SIZE.matcher(dtype);
      if (!size.matches() || size.group(1).length() > 2) {
        return 1;
      }
      return Math.clamp(Integer.parseInt(size.group(1)) / Byte.SIZE, 1, Long.BYTES);
    }
  }

  /** Plans a shard; the weights that may be packed are counted. */
  static ShardPlan of(SafetensorsFile source, List<ModulePlan> counted) {
    List<ModulePlan> packed = counted.stream().filter(ModulePlan::pays).toList();
    Map<TensorInfo, ModulePlan> byTensor = new HashMap<>();
    packed.forEach(module -> byTensor.put(module.weight(), module));
    List<Part> parts = new ArrayList<>();
    for (TensorInfo tensor : source.tensors()) {
      ModulePlan module = byTensor.get(tensor);
      if (module == null) {
        parts.add(Part.copy(tensor));
      } else {
        addParts(module, parts);
      }
    }
    long header = source.dataOffset();
    parts.add(new Part(PackedFormat.SOURCE_HEADER, "U8", List.of(header), header));
    parts.sort(Comparator.comparingInt(Part::elementBytes).reversed());
    return new ShardPlan(source, packed, layout(source, parts));
  }

  private static void addParts(ModulePlan module, List<Part> parts) {
    PackedFormat.Names names = module.names();
    TensorInfo weight = module.weight();
    long rows = weight.rows();
    long kept = module.kept();
    parts.add(new Part(names.rowOffsets(), "I64", List.of(rows), rows * Long.BYTES));
    parts.add(new Part(names.shape(), "I64", List.of(2L), 2 * Long.BYTES));
    parts.add(
        new Part(names.compressed(), weight.dtype(), List.of(kept), kept * module.elementBytes()));
    parts.add(
        new Part(names.bitmask(), "U8", List.of(rows, module.maskRowBytes()), module.maskBytes()));
  }

  private static SafetensorsFile layout(SafetensorsFile source, List<Part> parts) {
    List<TensorInfo> tensors = new ArrayList<>();
    long at = 0;
    for (Part part : parts) {
      long end = at + part.bytes();
      tensors.add(new TensorInfo(part.name(), part.dtype(), part.shape(), at, end));
      at = end;
    }
    byte[] header = header(tensors);
    if (header.length - Long.BYTES > JsonInput.LONGEST) {
      throw ErrorDetails.file(source.path())
          .part("header")
          .wrong(
              "one of at most %d bytes once it is packed".formatted(JsonInput.LONGEST),
              header.length);
    }
    return SafetensorsFile.of(source.path(), header, unused -> Unread.BYTES);
  }

  private static byte[] header(List<TensorInfo> tensors) {
    try {
      return SafetensorsWriter.header(
          tensors, Map.of(PackedFormat.METADATA_KEY, PackedFormat.FORMAT));
    } catch (IOException e) {
      throw new UncheckedIOException("memory can be written", e);
    }
  }

  /** The tensors of a file that is still to be written. */
  private enum Unread implements TensorBytes {
    BYTES;

    @Override
    public void read(TensorInfo info, long offset, MemorySegment destination) {
      throw new IllegalStateException(info.name() + " is not written yet");
    }

    @Override
    public void close() {}
  }
}
