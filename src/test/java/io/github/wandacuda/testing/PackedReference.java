package io.github.wandacuda.testing;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.PackedConfig;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Packs the codes of a quantized model, also where that makes them larger, by what the page on
 * packing says: it shares no code for tensors with the writer under test.
 */
public final class PackedReference {
  private PackedReference() {}

  /** Packs all codes in rows, and returns how many matrices that were. */
  public static int pack(Path model, Path output) throws IOException {
    Files.createDirectories(output);
    int packed = 0;
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.toList()) {
        Path target = output.resolve(file.getFileName().toString());
        if (file.toString().endsWith(".safetensors")) {
          packed += packShard(file, target);
        } else if (file.endsWith("config.json")) {
          Files.write(target, PackedConfig.packed(file, Files.readAllBytes(file)));
        } else {
          Files.copy(file, target);
        }
      }
    }
    return packed;
  }

  private static int packShard(Path file, Path target) throws IOException {
    byte[] all = Files.readAllBytes(file);
    int data = 8 + (int) ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN).getLong();
    JsonNode header = TestData.json(Arrays.copyOfRange(all, 8, data));
    SafetensorsBytes packed = new SafetensorsBytes().metadata("format", "wanda-cuda.packed.v1");
    int count = 0;
    for (Map.Entry<String, JsonNode> entry : header.properties()) {
      String name = entry.getKey();
      if (name.equals("__metadata__")) {
        continue;
      }
      JsonNode tensor = entry.getValue();
      String dtype = tensor.get("dtype").asText();
      int[] shape =
          StreamSupport.stream(tensor.get("shape").spliterator(), false)
              .mapToInt(JsonNode::asInt)
              .toArray();
      int from = data + tensor.get("data_offsets").get(0).asInt();
      byte[] bytes =
          Arrays.copyOfRange(all, from, data + tensor.get("data_offsets").get(1).asInt());
      boolean fixed = !header.has(name.replaceFirst("\\.weight(_packed)?$", ".weight_zero_point"));
      int zero = fixed ? zero(name, dtype) : -1;
      if (name.endsWith("_blocks")) {
        int each = bytes.length / shape[0];
        for (int expert = 0; expert < shape[0]; expert++) {
          byte[] part = Arrays.copyOfRange(bytes, expert * each, (expert + 1) * each);
          String module = name.replace("_blocks", "." + expert + ".weight_blocks");
          pack(packed, module, dtype, shape[1], shape[2] * shape[3], part, 0);
        }
        count += shape[0];
      } else if (zero >= 0) {
        pack(packed, name, dtype, shape[0], shape[1], bytes, zero);
        count++;
      } else {
        packed.raw(name, dtype, bytes, shape);
      }
    }
    packed.raw("wanda_cuda.source_header", "U8", Arrays.copyOf(all, data), data).write(target);
    return count;
  }

  /** Returns the code of +0 of codes in rows, or -1 if a tensor holds none, or others too. */
  private static int zero(String name, String dtype) {
    return switch (dtype) {
      case "F8_E4M3", "F8_E5M2", "I8" -> name.endsWith(".weight") ? 0 : -1;
      case "U8" -> name.endsWith(".weight") || name.endsWith(".weight_packed") ? 0 : -1;
      case "I32" -> name.endsWith(".weight_packed") ? 8 : -1;
      default -> -1;
    };
  }

  /** Adds the four parts of a matrix of codes of 8 or 4 bits. */
  private static void pack(
      SafetensorsBytes packed,
      String name,
      String dtype,
      int rows,
      int columns,
      byte[] codes,
      int zero) {
    boolean nibbles = dtype.equals("U8") || dtype.equals("I32");
    int rowBytes = codes.length / rows;
    int perRow = nibbles ? 2 * rowBytes : rowBytes;
    int maskRow = (perRow + 7) / 8;
    byte[] mask = new byte[rows * maskRow];
    ByteBuffer offsets = ByteBuffer.allocate(8 * rows).order(ByteOrder.LITTLE_ENDIAN);
    ByteArrayOutputStream values = new ByteArrayOutputStream();
    for (int row = 0; row < rows; row++) {
      offsets.putLong(values.size());
      int lower = -1;
      for (int column = 0; column < perRow; column++) {
        int at = row * rowBytes + (nibbles ? column / 2 : column);
        int code = nibbles ? codes[at] >> column % 2 * 4 & 0xf : codes[at] & 0xff;
        if (code == zero) {
          continue;
        }
        mask[row * maskRow + column / 8] |= (byte) (1 << column % 8);
        if (!nibbles) {
          values.write(code);
        } else if (lower < 0) {
          lower = code ^ zero;
        } else {
          values.write(lower | (code ^ zero) << 4);
          lower = -1;
        }
      }
      if (lower >= 0) {
        values.write(lower);
      }
    }
    ByteBuffer shape = ByteBuffer.allocate(nibbles ? 24 : 16).order(ByteOrder.LITTLE_ENDIAN);
    shape.putLong(rows).putLong(columns);
    if (nibbles) {
      shape.putLong(zero);
    }
    String module = name.endsWith(".weight") ? name.substring(0, name.length() - 7) : name;
    packed.raw(module + ".row_offsets", "I64", offsets.array(), rows);
    packed.raw(module + ".shape", "I64", shape.array(), shape.capacity() / 8);
    packed.raw(module + ".compressed", nibbles ? "U8" : dtype, values.toByteArray(), values.size());
    packed.raw(module + ".bitmask", "U8", mask, rows, maskRow);
  }
}
