package io.github.wandacuda.bench.common;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;

/** Writes a mixture of Qwen3's as a GGUF file, with experts of random codes and scales. */
public final class GgufMixtureFiles {
  /** What a model's words begin with. */
  public static final String KIND = "qwen3-gguf-";

  private static final int VERSION = 3;
  private static final int ALIGNMENT = 32;
  private static final int VOCABULARY = 4096;
  private static final int HEAD = 128;
  private static final int TEXT = 8;
  private static final int U32 = 4;
  private static final int REAL = 6;

  /** About as many bytes are made at a time. */
  private static final int PIECE = 8 << 20;

  /** The types of tensors, as GGUF counts them. */
  private enum Type {
    F32(0, 1, 4),
    BF16(30, 1, 2),
    Q4_K(12, 256, 144),
    MXFP4(39, 32, 17);

    private final int id;
    private final int blockElements;
    private final int blockBytes;

    Type(int id, int blockElements, int blockBytes) {
      this.id = id;
      this.blockElements = blockElements;
      this.blockBytes = blockBytes;
    }
  }

  private record Tensor(String name, Type type, boolean ones, List<Integer> shape) {
    long bytes() {
      long elements = shape.stream().mapToLong(size -> size).reduce(1, (a, b) -> a * b);
      return elements / type.blockElements * type.blockBytes;
    }
  }

  private final NormalWeights normal = new NormalWeights(NormalWeights.DEVIATION);
  private final List<Tensor> tensors = new ArrayList<>();
  private final ByteArrayOutputStream header = new ByteArrayOutputStream();
  private final int[] sizes;
  private int keys;

  /**
   * Describes a mixture.
   *
   * @param model {@link #KIND}, the type of experts ({@code Q4_K} or {@code MXFP4}), and behind
   *     another - blocks x hidden x width of an expert x experts x heads x key and value heads
   */
  public GgufMixtureFiles(String model) {
    int end = model.lastIndexOf('-');
    Type type = Type.valueOf(model.substring(KIND.length(), end));
    String[] words = model.substring(end + 1).split("x", -1);
    sizes = new int[words.length];
    for (int at = 0; at < sizes.length; at++) {
      sizes[at] = Integer.parseInt(words[at]);
    }
    int hidden = sizes[1];
    add("token_embd", Type.BF16, VOCABULARY, hidden);
    for (int block = 0; block < sizes[0]; block++) {
      String prefix = "blk.%d.".formatted(block);
      norm(prefix + "attn_norm", hidden);
      add(prefix + "attn_q", Type.BF16, sizes[4] * HEAD, hidden);
      add(prefix + "attn_k", Type.BF16, sizes[5] * HEAD, hidden);
      add(prefix + "attn_v", Type.BF16, sizes[5] * HEAD, hidden);
      add(prefix + "attn_output", Type.BF16, hidden, sizes[4] * HEAD);
      norm(prefix + "attn_q_norm", HEAD);
      norm(prefix + "attn_k_norm", HEAD);
      norm(prefix + "ffn_norm", hidden);
      add(prefix + "ffn_gate_inp", Type.F32, sizes[3], hidden);
      add(prefix + "ffn_gate_exps", type, sizes[3], sizes[2], hidden);
      add(prefix + "ffn_up_exps", type, sizes[3], sizes[2], hidden);
      add(prefix + "ffn_down_exps", type, sizes[3], hidden, sizes[2]);
    }
    norm("output_norm", hidden);
    add("output", Type.BF16, VOCABULARY, hidden);
  }

  private void add(String name, Type type, Integer... shape) {
    tensors.add(new Tensor(name + ".weight", type, false, List.of(shape)));
  }

  private void norm(String name, int width) {
    tensors.add(new Tensor(name + ".weight", Type.F32, true, List.of(width)));
  }

  /** Writes the file. */
  public void write(Path file) {
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write(header());
      long seed = 0;
      for (Tensor tensor : tensors) {
        int most = PIECE / tensor.type.blockBytes * tensor.type.blockBytes;
        for (long done = 0; done < tensor.bytes(); done += most) {
          out.write(piece(tensor, (int) Math.min(most, tensor.bytes() - done), seed++));
        }
        out.write(new byte[(int) (padded(tensor.bytes()) - tensor.bytes())]);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private byte[] piece(Tensor tensor, int length, long seed) {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    switch (tensor.type) {
      case BF16 -> normal.fill(buffer, seed);
      case F32 -> fillPlain(buffer, tensor.ones, new SplittableRandom(seed));
      case Q4_K -> {
        new SplittableRandom(seed).nextBytes(buffer.array());
        for (int at = 0; at < length; at += tensor.type.blockBytes) {
          // Of codes up to 15 and scales up to 63, numbers of a trained model's size.
          buffer.putShort(at, Float.floatToFloat16(0x1p-14f));
          buffer.putShort(at + Short.BYTES, Float.floatToFloat16(0x1p-11f));
        }
      }
      case MXFP4 -> {
        new SplittableRandom(seed).nextBytes(buffer.array());
        for (int at = 0; at < length; at += tensor.type.blockBytes) {
          buffer.put(at, (byte) 120);
        }
      }
    }
    return buffer.array();
  }

  private static void fillPlain(ByteBuffer buffer, boolean ones, SplittableRandom random) {
    while (buffer.hasRemaining()) {
      buffer.putFloat(ones ? 1 : (float) (NormalWeights.DEVIATION * random.nextGaussian()));
    }
  }

  private byte[] header() throws IOException {
    header.reset();
    keys = 0;
    text("general.architecture", "qwen3moe");
    number("block_count", sizes[0]);
    number("context_length", 4096);
    number("embedding_length", sizes[1]);
    number("feed_forward_length", sizes[2]);
    number("expert_feed_forward_length", sizes[2]);
    number("expert_count", sizes[3]);
    number("expert_used_count", Math.min(8, sizes[3] / 2));
    number("attention.head_count", sizes[4]);
    number("attention.head_count_kv", sizes[5]);
    number("attention.key_length", HEAD);
    number("attention.value_length", HEAD);
    real("attention.layer_norm_rms_epsilon", 1e-6f);
    real("rope.freq_base", 1e6f);
    byte[] values = header.toByteArray();
    header.reset();
    long at = 0;
    for (Tensor tensor : tensors) {
      text(tensor.name);
      List<Integer> shape = new ArrayList<>(tensor.shape);
      Collections.reverse(shape);
      header.write(bytes(4).putInt(shape.size()).array());
      for (int size : shape) {
        header.write(bytes(8).putLong(size).array());
      }
      header.write(bytes(12).putInt(tensor.type.id).putLong(at).array());
      at += padded(tensor.bytes());
    }
    byte[] infos = header.toByteArray();
    header.reset();
    header.write("GGUF".getBytes(StandardCharsets.US_ASCII));
    header.write(bytes(20).putInt(VERSION).putLong(tensors.size()).putLong(keys).array());
    header.write(values);
    header.write(infos);
    header.write(new byte[(int) (padded(header.size()) - header.size())]);
    return header.toByteArray();
  }

  private static long padded(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static ByteBuffer bytes(int count) {
    return ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void text(String value) throws IOException {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    header.write(bytes(8).putLong(utf8.length).array());
    header.write(utf8);
  }

  private void text(String key, String value) throws IOException {
    key(key, TEXT);
    text(value);
  }

  private void number(String key, int value) throws IOException {
    key("qwen3moe." + key, U32);
    header.write(bytes(4).putInt(value).array());
  }

  private void real(String key, float value) throws IOException {
    key("qwen3moe." + key, REAL);
    header.write(bytes(4).putFloat(value).array());
  }

  private void key(String key, int type) throws IOException {
    text(key);
    header.write(bytes(4).putInt(type).array());
    keys++;
  }
}
