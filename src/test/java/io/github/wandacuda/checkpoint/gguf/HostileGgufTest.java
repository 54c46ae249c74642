package io.github.wandacuda.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.sun.management.ThreadMXBean;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.testing.CpuDecoder;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Files in GGUF with something wrong in them: each is refused in one line that says where, what was
 * expected and what was found, and takes no more memory than its own size allows.
 */
class HostileGgufTest {
  private static final Path FOLDER = Path.of("testdata", "gguf");
  private static final String LLAMA = "llama-gqa";
  private static final String MIXTRAL = "mixtral";
  private static final String DEEPSEEK = "deepseek_v3";
  private static final String GPT_OSS = "../gpt_oss-MXFP4.gguf";
  private static final String GRANITE = "granitemoe";

  /** What a refusal may allocate besides some times the file's size: the table, the message. */
  private static final long SOME_BYTES = 4 << 20;

  private static final int TIMES = 40;

  private static final int F32 = GgufType.F32.id();

  @TempDir Path folder;

  /** A file; words of the line that refuses it. */
  private record Case(String name, byte[] bytes, List<String> words) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Case file(String name, GgufBytes bytes, String... words) {
    return new Case(name, bytes.bytes(), List.of(words));
  }

  private static GgufBytes key() {
    return GgufBytes.of(3, 0, 1);
  }

  private static GgufBytes tensor(int count) {
    return GgufBytes.of(3, count, 1).key("general.architecture", "llama");
  }

  private static GgufBytes room(GgufBytes header) {
    return header.padded().raw(new byte[256]);
  }

  static List<Case> headers() {
    List<Case> cases = new ArrayList<>();
    cases.add(
        file(
            "another start",
            new GgufBytes().raw((byte) 'G', (byte) 'G', (byte) 'M', (byte) 'L'),
            "a GGUF file"));
    for (int version : new int[] {0, 1, 4, -1}) {
      cases.add(
          file(
              "version " + version,
              GgufBytes.of(version, 0, 0),
              "version 2 or 3",
              Integer.toUnsignedString(version)));
    }
    cases.add(
        file(
            "big-endian",
            GgufBytes.of(Integer.reverseBytes(3), 0, 0),
            "little-endian",
            "a big-endian file"));
    for (long count : new long[] {Long.MIN_VALUE, -1, 1L << 40, 1_000_000_000}) {
      String found = Long.toUnsignedString(count);
      cases.add(file("tensors " + found, GgufBytes.of(3, count, 0), "tensors", found));
      cases.add(file("keys " + found, GgufBytes.of(3, 0, count), "keys", found));
      cases.add(file("a key's length " + found, room(key().u64(count)), "bytes of a key", found));
      cases.add(
          file("a text's length " + found, key().text("a.b").u32(8).u64(count), "key a.b", found));
      for (int type : new int[] {GgufValue.U8, GgufValue.F64, GgufValue.TEXT}) {
        cases.add(
            file(
                "elements of type %d: %s".formatted(type, found),
                key().array("a.b", type, count),
                "key a.b",
                found));
      }
      cases.add(
          file(
              "a text's length in an array " + found,
              key().array("a.b", GgufValue.TEXT, 1).u64(count),
              "key a.b",
              found));
      cases.add(
          file("a name's length " + found, tensor(1).u64(count).raw(new byte[40]), "name", found));
    }
    cases.add(
        file(
            "not UTF-8",
            key().u64(1).raw((byte) 0xff, (byte) 0, (byte) 0, (byte) 0, (byte) 0, (byte) 0),
            "a key in UTF-8"));
    cases.add(file("an empty key", key().key("", "x"), "an empty one"));
    cases.add(
        file("a key twice", GgufBytes.of(3, 0, 2).key("a.b", 1).key("a.b", 1), "key a.b", "twice"));
    for (int type : new int[] {13, -1}) {
      String found = Integer.toUnsignedString(type);
      cases.add(file("type of value " + found, key().text("a.b").u32(type), "key a.b", found));
      cases.add(file("type of elements " + found, key().array("a.b", type, 1), "key a.b", found));
    }
    cases.add(
        file(
            "an array of arrays",
            key().array("a.b", GgufValue.ARRAY, 1).u32(4).u64(0),
            "key a.b",
            "one of arrays"));
    for (int alignment : new int[] {0, 1, 4, 48, 1 << 21, 1 << 31}) {
      cases.add(
          file(
              "alignment " + alignment,
              key().key(GgufHeader.ALIGNMENT, alignment),
              "key general.alignment",
              Integer.toUnsignedString(alignment)));
    }
    cases.add(
        file(
            "alignment as a text",
            key().key(GgufHeader.ALIGNMENT, "32"),
            "general.alignment",
            "a text"));
    cases.add(
        file(
            "alignment as u64",
            key().text(GgufHeader.ALIGNMENT).u32(GgufValue.U64).u64(32),
            "general.alignment",
            "another type"));
    cases.add(
        file(
            "a long name",
            room(tensor(1).tensor("x".repeat(64), F32, 0, 8)),
            "at most 63 bytes",
            "64"));
    cases.add(
        file(
            "a name that isn't UTF-8",
            room(tensor(1).u64(1).raw((byte) 0xc0).u32(1).u64(8).u32(0).u64(0)),
            "a tensor's name in UTF-8"));
    cases.add(
        file(
            "a tensor twice",
            room(tensor(2).tensor("x", F32, 0, 8).tensor("x", F32, 32, 8)),
            "tensor x",
            "a second one"));
    for (long[] sizes : new long[][] {{}, {1, 1, 1, 1, 1}}) {
      cases.add(
          file(
              sizes.length + " dimensions",
              room(tensor(1).tensor("x", F32, 0, sizes).raw(new byte[40])),
              "tensor x",
              "1 to 4 dimensions"));
    }
    for (long[] sizes :
        new long[][] {
          {Long.MIN_VALUE},
          {-1},
          {1L << 62},
          {1L << 40, 1L << 40},
          {1L << 32, 1L << 32, 2},
          {0},
          {8, 0},
          {0, 1L << 62},
          {1L << 33},
          {1, 1L << 33}
        }) {
      cases.add(
          file(
              "sizes " + Arrays.toString(sizes),
              room(tensor(1).tensor("x", F32, 0, sizes)),
              "tensor x"));
      cases.add(
          file(
              "sizes of blocks " + Arrays.toString(sizes),
              room(tensor(1).tensor("x", GgufType.Q4_K.id(), 0, sizes)),
              "tensor x"));
    }
    for (int type : new int[] {4, 31, 99, -1}) {
      String found = Integer.toUnsignedString(type);
      cases.add(file("type " + found, room(tensor(1).tensor("x", type, 0, 8)), "tensor x", found));
    }
    cases.add(
        file(
            "a part of a block",
            room(tensor(1).tensor("x", GgufType.Q4_K.id(), 0, 100, 256)),
            "tensor x",
            "a multiple of 256 elements",
            "100"));
    for (long offset : new long[] {1, 32, Long.MIN_VALUE, -1}) {
      cases.add(
          file(
              "offset " + offset,
              room(tensor(1).tensor("x", F32, offset, 8)),
              "tensor x",
              "offset 0",
              Long.toUnsignedString(offset)));
    }
    for (long offset : new long[] {0, 33, 64, 96, -32}) {
      cases.add(
          file(
              "second offset " + offset,
              room(tensor(2).tensor("x", F32, 0, 8).tensor("y", F32, offset, 8)),
              "tensor y",
              "offset 32",
              Long.toUnsignedString(offset)));
    }
    cases.add(
        file(
            "data cut off",
            room(tensor(1).tensor("x", F32, 0, 65)),
            "tensor x",
            "260 bytes",
            "it was cut short"));
    cases.add(file("no data", tensor(1).tensor("x", F32, 0, 8), "tensor x", "it was cut short"));
    cases.add(
        file(
            "more at the end",
            room(tensor(1).tensor("x", F32, 0, 8)),
            "an end behind its tensors"));
    cases.add(file("more without tensors", room(key().key("a.b", 1)), "an end behind"));
    cases.add(file("no architecture", key().key("a.b", 1), "key general.architecture", "none"));
    cases.add(
        file(
            "an architecture of another type",
            key().key("general.architecture", 1),
            "key general.architecture"));
    for (String name : List.of("mamba", "common", "llama with experts", "", "ll\nama")) {
      cases.add(
          file(
              "architecture '%s'".formatted(name.strip()),
              key().key("general.architecture", name),
              "key general.architecture",
              "one of llama, qwen2"));
    }
    return cases;
  }

  @ParameterizedTest
  @MethodSource("headers")
  void aBrokenHeaderIsRefusedInOneLine(Case broken) throws IOException {
    Path file = Files.write(folder.resolve("x.gguf"), broken.bytes());
    assertRefused(file, () -> GgufCheckpoint.open(file).checkpoint().close(), broken.words());
  }

  /** Opens what is refused. */
  @FunctionalInterface
  private interface Opening {
    void open();
  }

  private static void assertRefused(Path file, Opening opening, List<String> words)
      throws IOException {
    catchThrowable(opening::open);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    Throwable refusal = catchThrowable(opening::open);
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertThat(refusal).isInstanceOf(InputException.class);
    assertThat(refusal.getMessage())
        .startsWith(file.toString())
        .containsPattern("expected .+, found .+")
        .doesNotContainPattern("[\\r\\n]")
        .hasSizeLessThan(2_000);
    words.forEach(word -> assertThat(refusal.getMessage()).contains(word));
    assertThat(allocated).isLessThan(SOME_BYTES + TIMES * Files.size(file));
  }

  @Test
  void aHeaderThatIsCutAnywhereIsRefused() throws IOException {
    byte[] whole =
        GgufBytes.of(3, 2, 4)
            .key("general.architecture", "llama")
            .key("a.b", 1)
            .array("a.c", GgufValue.I16, 2)
            .raw(new byte[4])
            .array("a.d", GgufValue.TEXT, 2)
            .text("x")
            .text("yz")
            .tensor("x", F32, 0, 8, 2)
            .tensor("y", F32, 64, 8)
            .padded()
            .raw(new byte[96])
            .bytes();
    Path file = folder.resolve("x.gguf");
    Files.write(file, whole);
    GgufFile.open(file).close();
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      Throwable refusal = catchThrowable(() -> GgufFile.open(file).close());
      assertThat(refusal).as("cut at %d", length).isInstanceOf(InputException.class);
      assertThat(refusal.getMessage()).startsWith(file + ": ").contains("expected ", ", found ");
    }
  }

  private static Case model(
      String name, String fixture, java.util.function.Consumer<EditedGguf> edit, String... words) {
    Path path =
        fixture.endsWith(".gguf")
            ? FOLDER.resolve("arch").resolve(fixture)
            : FOLDER.resolve("arch").resolve(fixture + "-F32.gguf");
    EditedGguf model = EditedGguf.of(path);
    edit.accept(model);
    return new Case(fixture + ": " + name, model.bytes(), List.of(words));
  }

  static List<Case> models() {
    return Stream.of(keys(), shapes(), experts()).flatMap(List::stream).toList();
  }

  private static List<Case> keys() {
    String blocks = "llama.block_count";
    String heads = "llama.attention.head_count";
    String groups = "llama.attention.head_count_kv";
    List<Case> cases = new ArrayList<>();
    cases.add(model("no block_count", LLAMA, model -> model.withoutKey(blocks), "key " + blocks));
    cases.add(model("no head_count", LLAMA, model -> model.withoutKey(heads), "key " + heads));
    for (int count : new int[] {0, 1, 3, 1_000_000, Integer.MAX_VALUE, -1}) {
      cases.add(
          model(
              "block_count " + count,
              LLAMA,
              model -> model.key(blocks, count),
              "key " + blocks,
              Integer.toUnsignedString(count)));
    }
    cases.add(
        model(
            "block_count an array",
            LLAMA,
            model -> model.key(blocks, GgufValue.of(new int[] {2, 3})),
            "key " + blocks,
            "an array"));
    cases.add(
        model(
            "block_count a text",
            LLAMA,
            model -> model.key(blocks, GgufValue.of("2")),
            "key " + blocks,
            "a text"));
    cases.add(
        model(
            "block_count below zero",
            LLAMA,
            model -> model.key(blocks, new GgufValue(GgufValue.I32, new byte[] {-1, -1, -1, -1})),
            "key " + blocks));
    for (String key : List.of(heads, groups)) {
      for (int count : new int[] {0, 3, 7, 1 << 30, -1}) {
        cases.add(
            model(
                "%s %d".formatted(key, count),
                LLAMA,
                model -> model.key(key, count),
                Integer.toUnsignedString(count)));
      }
      cases.add(
          model(
              key + " that is nowhere near",
              LLAMA,
              model ->
                  model.key(
                      key,
                      new GgufValue(GgufValue.U64, new byte[] {-1, -1, -1, -1, -1, -1, -1, 127})),
              "9223372036854775807"));
      cases.add(
          model(
              key + " an array",
              LLAMA,
              model -> model.key(key, GgufValue.of(new int[] {4, 2})),
              "key " + key));
      cases.add(
          model(
              key + " an empty array",
              LLAMA,
              model -> model.key(key, GgufValue.of(new int[0])),
              "key " + key));
    }
    for (int bits : new int[] {0x7fc00000, 0x7f800000, 0xbf800000}) {
      cases.add(
          model(
              "epsilon " + Float.intBitsToFloat(bits),
              LLAMA,
              model ->
                  model.key(
                      "llama.attention.layer_norm_rms_epsilon",
                      new GgufValue(GgufValue.F32, GgufValue.of(bits).bytes()))));
    }
    cases.add(
        model("embedding_length lies", LLAMA, model -> model.key("llama.embedding_length", 64)));
    cases.add(model("key_length 0", LLAMA, model -> model.key("llama.attention.key_length", 0)));
    cases.add(
        model(
            "rope.dimension_count lies",
            LLAMA,
            model -> model.key("llama.rope.dimension_count", 1 << 20)));
    cases.add(
        model(
            "alphas of one block",
            "apertus",
            model ->
                model.key(
                    "xielu.alpha_p",
                    new GgufValue(
                        GgufValue.ARRAY, new GgufBytes().u32(GgufValue.F32).u64(1).u32(0).bytes())),
            "key xielu.alpha_p"));
    cases.add(
        model(
            "alphas as integers",
            "apertus",
            model -> model.key("xielu.alpha_p", GgufValue.of(new int[] {1, 2})),
            "key xielu.alpha_p"));
    cases.add(
        model(
            "windows of one block",
            "gemma3_text-pattern-adjusted",
            model ->
                model.key("gemma3.attention.sliding_window_pattern", GgufValue.of(new int[] {1})),
            "key gemma3.attention.sliding_window_pattern"));
    cases.add(
        model(
            "windows as a text",
            "gemma3_text-pattern-adjusted",
            model ->
                model.key("gemma3.attention.sliding_window_pattern", GgufValue.of("every 6th")),
            "key gemma3.attention.sliding_window_pattern"));
    cases.add(
        model(
            "more predicted than blocks",
            "glm4_moe-mtp",
            model -> model.key("glm4moe.nextn_predict_layers", 9),
            "key glm4moe."));
    return cases;
  }

  private static List<Case> shapes() {
    String q = "blk.0.attn_q.weight";
    List<Case> cases = new ArrayList<>();
    cases.add(model("q of one dimension", LLAMA, model -> model.shaped(q, 1024), "q"));
    cases.add(model("q of three", LLAMA, model -> model.shaped(q, 2, 16, 32), "q"));
    cases.add(model("q of too few rows", LLAMA, model -> model.shaped(q, 31, 32), "tensor " + q));
    cases.add(model("q of a row", LLAMA, model -> model.shaped(q, 1, 32), "q"));
    cases.add(model("q of a row a head", LLAMA, model -> model.shaped(q, 4, 32), "tensor " + q));
    cases.add(model("no q", LLAMA, model -> model.withoutTensor(q), "q_proj"));
    cases.add(model("q of bytes", LLAMA, model -> model.typed(q, GgufType.I8, 32, 32), "q_proj"));
    cases.add(
        model(
            "q of a type without numbers",
            LLAMA,
            model -> model.typed(q, GgufType.IQ1_S, 32, 256),
            "q_proj"));
    cases.add(
        model(
            "a norm of a type without numbers",
            LLAMA,
            model -> model.typed("blk.0.attn_norm.weight", GgufType.I8, 32),
            "tensor blk.0.attn_norm.weight",
            "I8"));
    cases.add(
        model(
            "no embedding",
            LLAMA,
            model -> model.withoutTensor("token_embd.weight"),
            "tensor token_embd.weight"));
    cases.add(
        model(
            "an embedding of one dimension",
            LLAMA,
            model -> model.shaped("token_embd.weight", 4096),
            "tensor token_embd.weight"));
    for (String name :
        List.of(
            "x",
            "blk.0.attn_norm",
            "output_norm",
            "blk.0.attn_what.weight",
            "blk.x.attn_q.weight",
            "blk.0.token_embd.weight",
            "attn_q.weight",
            "blk.0.",
            ".weight",
            "blk.1234567.attn_q.weight")) {
      cases.add(
          model(
              "a tensor " + name,
              LLAMA,
              model -> model.typed(name, GgufType.F32, 8),
              "tensor " + name));
    }
    cases.add(
        model(
            "a tensor without a name",
            LLAMA,
            model -> model.typed("", GgufType.F32, 8),
            "one of this name"));
    cases.add(
        model(
            "a block number twice",
            LLAMA,
            model -> model.typed("blk.00.attn_q.weight", GgufType.F32, 32, 32),
            "tensor blk.00.attn_q.weight"));
    cases.add(
        model(
            "two for one of Hugging Face's",
            LLAMA,
            model -> model.typed("blk.0.post_attention_norm.weight", GgufType.F32, 32),
            "tensor blk.0.post_attention_norm.weight",
            "post_attention_layernorm"));
    cases.add(
        model(
            "a gap in the blocks",
            LLAMA,
            model -> model.typed("blk.4.attn_norm.weight", GgufType.F32, 32),
            "block_count"));
    cases.add(
        model(
            "fused q, k and v of too few rows",
            "bloom",
            model -> model.shaped("blk.0.attn_qkv.weight", 95, 32),
            "tensor blk.0.attn_qkv.weight"));
    cases.add(
        model(
            "no heads in fused q, k and v",
            "bloom",
            model -> model.key("bloom.attention.head_count", 0),
            "0"));
    cases.add(
        model(
            "factors of integers",
            "phi3-longrope",
            model -> model.typed("rope_factors_long.weight", GgufType.I8, 4),
            "tensor rope_factors_long.weight"));
    cases.add(
        model(
            "no short factors",
            "phi3-longrope",
            model -> model.withoutTensor("rope_factors_short.weight"),
            "tensor rope_factors_short.weight"));
    cases.add(
        model(
            "divisors of other codes",
            "llama3",
            model -> model.typed("rope_freqs.weight", GgufType.IQ1_S, 256),
            "tensor rope_freqs.weight"));
    cases.add(
        model(
            "transposed integers",
            "gpt2",
            model -> model.typed("blk.0.ffn_up.weight", GgufType.I8, 128, 32),
            "tensor blk.0.ffn_up.weight"));
    return cases;
  }

  private static List<Case> experts() {
    String gate = "blk.0.ffn_gate_exps.weight";
    String count = "llama.expert_count";
    String keys = "blk.0.attn_k_b.weight";
    String values = "blk.0.attn_v_b.weight";
    List<Case> cases = new ArrayList<>();
    for (int experts : new int[] {0, 1, 3, 5, 1 << 20, -1}) {
      cases.add(
          model("expert_count " + experts, MIXTRAL, model -> model.key(count, experts), "expert"));
    }
    cases.add(model("no expert_count", MIXTRAL, model -> model.withoutKey(count), "expert"));
    cases.add(
        model("experts of two dimensions", MIXTRAL, model -> model.shaped(gate, 4, 32), gate));
    cases.add(model("experts of four", MIXTRAL, model -> model.shaped(gate, 2, 2, 48, 32), gate));
    cases.add(
        model("fewer experts in a tensor", MIXTRAL, model -> model.shaped(gate, 3, 48, 32), gate));
    cases.add(model("no experts", MIXTRAL, model -> model.withoutTensor(gate), "w1"));
    cases.add(
        model(
            "no values beside latent keys",
            DEEPSEEK,
            model -> model.withoutTensor(values),
            keys,
            values));
    cases.add(
        model(
            "no keys beside latent values",
            DEEPSEEK,
            model -> model.withoutTensor(keys),
            values,
            keys));
    cases.add(
        model("latent keys flat", DEEPSEEK, model -> model.shaped(keys, 32, 16), "tensor " + keys));
    cases.add(
        model(
            "latent values of fewer heads",
            DEEPSEEK,
            model -> model.shaped(values, 1, 16, 16),
            values));
    cases.add(
        model(
            "latent values of another rank",
            DEEPSEEK,
            model -> model.shaped(values, 4, 16, 3),
            values));
    cases.add(
        model(
            "latent keys of bytes",
            DEEPSEEK,
            model -> model.typed(keys, GgufType.I8, 4, 16, 16),
            keys));
    for (String key : List.of("attention.key_length_mla", "rope.dimension_count")) {
      cases.add(
          model(
              "no " + key,
              DEEPSEEK,
              model -> model.withoutKey("deepseek2." + key),
              "key deepseek2." + key));
    }
    cases.add(
        model(
            "a head smaller than what is rotated",
            DEEPSEEK,
            model -> model.key("deepseek2.attention.key_length_mla", 1)));
    String ups = "blk.0.ffn_up_exps.weight";
    cases.add(model("gates without ups", GRANITE, model -> model.withoutTensor(ups), gate, ups));
    cases.add(model("ups without gates", GRANITE, model -> model.withoutTensor(gate), ups, gate));
    cases.add(
        model(
            "ups of another shape",
            GRANITE,
            model -> model.shaped(ups, 1, 2, 32),
            ups,
            "[1, 2, 32]"));
    cases.add(
        model(
            "flat gates and ups",
            GRANITE,
            model -> model.shaped(ups, 4, 32).shaped(gate, 4, 32),
            gate));
    cases.add(
        model(
            "a bias of gates",
            GRANITE,
            model ->
                model
                    .typed("blk.0.ffn_gate_exps.bias", GgufType.F32, 4, 1, 16)
                    .typed("blk.0.ffn_up_exps.bias", GgufType.F32, 4, 1, 16),
            "tensor blk.0.ffn_gate_exps.bias"));
    String bias = "blk.0.ffn_down_exps.bias";
    cases.add(
        model(
            "experts not in MXFP4",
            GPT_OSS,
            model -> model.typed("blk.0.ffn_down_exps.weight", GgufType.F32, 6, 64, 64),
            "blk.0.ffn_down_exps.weight",
            "MXFP4"));
    cases.add(model("biases of one dimension", GPT_OSS, model -> model.shaped(bias, 64), bias));
    cases.add(model("biases of three", GPT_OSS, model -> model.shaped(bias, 6, 1, 64), bias));
    cases.add(
        model("biases of halves", GPT_OSS, model -> model.typed(bias, GgufType.F16, 6, 64), bias));
    cases.add(model("no biases", GPT_OSS, model -> model.withoutTensor(bias), "down_proj"));
    return cases;
  }

  @ParameterizedTest
  @MethodSource("models")
  void aBrokenModelIsRefusedInOneLine(Case broken) throws IOException {
    Path file = Files.write(folder.resolve("x.gguf"), broken.bytes());
    assertRefused(file, () -> CpuDecoder.open(file, 1).close(), broken.words());
  }

  private static final String NUMBER = "split.no";
  private static final String COUNT = "split.count";
  private static final String TENSORS = "split.tensors.count";

  private Path part(int number, int count) {
    return folder.resolve("x-%05d-of-%05d.gguf".formatted(number, count));
  }

  /** Returns a part, counted from 1, of a model whose parts have a tensor each. */
  private static GgufBytes part(int number, int count, int tensors, String tensor) {
    return room(
        GgufBytes.of(3, 1, 4)
            .key("general.architecture", "llama")
            .key(NUMBER, number - 1)
            .key(COUNT, count)
            .key(TENSORS, tensors)
            .tensor(tensor, F32, 0, 64));
  }

  private void assertPartRefused(Path named, Path blamed, String... words) throws IOException {
    assertRefused(blamed, () -> GgufFiles.open(named).close(), List.of(words));
  }

  @Test
  void partsThatContradictEachOtherAreRefused() throws IOException {
    Path first = part(1, 2);
    Path second = part(2, 2);
    Files.write(first, part(1, 2, 2, "a").bytes());
    assertMissingIsRefused(first, second);
    Files.write(second, part(2, 2, 2, "b").bytes());
    try (GgufFiles files = GgufFiles.open(first)) {
      assertThat(files.tensors()).containsOnlyKeys("a", "b");
    }
    assertPartRefused(second, second, "part 1 of 2", "part 2", "name the first part");
    Files.write(second, part(2, 2, 2, "a").bytes());
    assertPartRefused(first, second, "tensor a", first.getFileName().toString());
    Files.write(second, part(2, 3, 2, "b").bytes());
    assertPartRefused(first, second, "part 2 of 2", "part 2 of 3");
    Files.write(second, part(1, 2, 2, "b").bytes());
    assertPartRefused(first, second, "part 2 of 2", "part 1 of 2");
    Files.write(second, room(GgufBytes.of(3, 1, 0).tensor("b", F32, 0, 64)).bytes());
    assertPartRefused(first, second, "part 2 of 2", "a file that is no part");
    Files.write(second, part(2, 2, 2, "b").raw((byte) 0).bytes());
    assertPartRefused(first, second, "an end behind its tensors");
    Files.write(second, new byte[] {'G'});
    assertPartRefused(first, second, "it was cut short");
    Files.write(second, part(2, 2, 2, "b").bytes());
    Files.write(first, part(1, 2, 3, "a").bytes());
    assertPartRefused(first, first, "key " + TENSORS, "2, as many", "3");
    Files.write(first, part(2, 2, 2, "a").bytes());
    assertPartRefused(first, first, "part 1 of 2", "part 2");
  }

  private static void assertMissingIsRefused(Path first, Path missing) {
    assertThat(catchThrowable(() -> GgufFiles.open(first).close()))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(missing.toString())
        .hasMessageNotContainingAny("\n", "\r");
  }

  @Test
  void aFirstPartWithAnotherNameIsRefused() throws IOException {
    for (String name :
        List.of("x.gguf", "x-00001-of-00003.gguf", "x-1-of-2.gguf", "x-00001-of-00002.GGUF")) {
      Path other = Files.write(folder.resolve(name), part(1, 2, 2, "a").bytes());
      assertPartRefused(other, other, "-00001-of-00002.gguf", name);
    }
    for (int count : new int[] {100_000, Integer.MAX_VALUE, -1}) {
      Path first = Files.write(part(1, 99_999), part(1, count, 2, "a").bytes());
      assertPartRefused(first, first, "-of-" + Integer.toUnsignedString(count) + ".gguf");
    }
  }

  @Test
  void aCountOfPartsOfAnotherTypeIsRefused() throws IOException {
    Path file = folder.resolve("x.gguf");
    Files.write(file, room(GgufBytes.of(3, 1, 1).key(COUNT, "2").tensor("a", F32, 0, 64)).bytes());
    assertPartRefused(file, file, "key " + COUNT, "a text");
  }

  @Test
  void aFileOfOnePartNeedsNoOtherKeys() throws IOException {
    Path file = folder.resolve("x.gguf");
    Files.write(file, room(GgufBytes.of(3, 1, 1).key(COUNT, 1).tensor("a", F32, 0, 64)).bytes());
    try (GgufFiles files = GgufFiles.open(file)) {
      assertThat(files.tensors()).containsOnlyKeys("a");
    }
  }
}
