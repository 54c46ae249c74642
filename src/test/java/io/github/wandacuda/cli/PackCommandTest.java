package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.PackedReference;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code unpack} of a {@code pack} gives the same directory, and the packed one says what it is.
 */
class PackCommandTest {
  private static final String Q = "model.layers.0.self_attn.q_proj";

  @TempDir Path directory;

  private Path at(String name) {
    return directory.resolve(name);
  }

  private static Ended run(Object... words) {
    return InProcess.run(words).succeeds();
  }

  private Path pruned(Path model) {
    return InProcess.pruned(model, at("pruned"));
  }

  private JsonNode pack(Path model) {
    return run(Words.of("pack --model %s --output %s --json --quiet", model, at("packed"))).json();
  }

  private void assertUnpacks(Path source) {
    run(Words.of("unpack --model %s --output %s --json --quiet", at("packed"), at("unpacked")));
    Directories.assertSame(source, at("unpacked"));
  }

  private static long bytes(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.mapToLong(file -> file.toFile().length()).sum();
    }
  }

  static List<String> families() {
    return TestData.families();
  }

  @ParameterizedTest
  @MethodSource("families")
  @FirstCases(2)
  void aFamilyComesBackToTheByte(String family) throws IOException {
    Path dense = TestData.fixture(family).resolve("model");
    pack(dense);
    assertUnpacks(dense);
    Directories.remove(at("packed"));
    Directories.remove(at("unpacked"));
    Path pruned = pruned(dense);
    assertThat(pack(pruned).get("modules").asInt()).isPositive();
    run(Words.of("verify --dense %s --pruned %s --quiet", dense, at("packed")));
    assertUnpacks(pruned);
  }

  static List<String> quantized() {
    return TestData.prunable();
  }

  /** Codes of fixtures are too few to be packed by the command, so the reference packs them. */
  @ParameterizedTest
  @MethodSource("quantized")
  void packedCodesAreVerifiedInspectedAndUnpacked(String name) throws IOException {
    Path dense = TestData.fixture(name).resolve("model");
    Path pruned = pruned(dense);
    boolean zeros = !name.equals("ct-int4-channel-qwen3") && !name.equals("ct-int4-zero-llama-gqa");
    int packed = PackedReference.pack(pruned, at("packed"));
    assertThat(packed > 0).isEqualTo(zeros);
    run(Words.of("verify --dense %s --pruned %s --quiet", dense, at("packed")));
    JsonNode facts = words(List.of("inspect"), at("packed"));
    assertThat(facts.get("modules")).isEqualTo(words(List.of("inspect"), pruned).get("modules"));
    assertThat(facts.get("packed_modules").asInt()).isEqualTo(packed);
    assertUnpacks(pruned);
  }

  /** Writes a model of one module of codes, half of them zero, and what its config says of them. */
  private Path codes(String weight, String dtype, int bits, int zero, String config)
      throws IOException {
    Path model = Files.createDirectories(at("model"));
    Files.writeString(
        model.resolve("config.json"),
        "{\"model_type\":\"llama\",\"quantization_config\":%s}".formatted(config));
    byte[] codes = new byte[96 * 992 * bits / 8];
    Random random = new Random(7);
    for (int i = 0; i < codes.length * 8 / bits; i++) {
      int code = random.nextBoolean() ? zero : random.nextInt(1 << bits);
      codes[i * bits / 8] |= (byte) (code << i * bits % 8);
    }
    SafetensorsBytes file = new SafetensorsBytes();
    int columns = codes.length / 96 / (dtype.equals("I32") ? 4 : 1);
    file.raw(Q + weight, dtype, codes, 96, columns).f32("odd", 3);
    if (dtype.equals("I32")) {
      file.raw(Q + ".weight_shape", "I32", new byte[] {96, 0, 0, 0, (byte) 0xe0, 3, 0, 0}, 2);
      file.f32(Q + ".weight_scale", 96, 1);
    } else {
      file.raw(Q + ".weight_scale", "U8", new byte[96 * 31], 96, 31);
    }
    file.write(model.resolve("model.safetensors"));
    return model;
  }

  static Stream<Arguments> codes() {
    String tensors =
        "{\"quant_method\":\"compressed-tensors\",\"format\":\"%s\",\"config_groups\":{\"g\":"
            + "{\"targets\":[\"Linear\"],\"weights\":{\"num_bits\":%d,\"type\":\"%s\","
            + "\"symmetric\":true,\"strategy\":\"channel\"}}}}";
    return Stream.of(
        Arguments.of(".weight", "F8_E4M3", 8, 0, "{\"quant_method\":\"hqq\"}"),
        Arguments.of(".weight", "F8_E5M2", 8, 0, "{\"quant_method\":\"hqq\"}"),
        Arguments.of(".weight", "I8", 8, 0, "{\"quant_method\":\"hqq\"}"),
        Arguments.of(".weight_packed", "I32", 4, 8, tensors.formatted("pack-quantized", 4, "int")),
        Arguments.of(
            ".weight_packed", "U8", 4, 0, tensors.formatted("mxfp4-pack-quantized", 4, "float")));
  }

  @ParameterizedTest
  @MethodSource("codes")
  void codesAreWrittenAsTheReferenceDoes(
      String weight, String dtype, int bits, int zero, String config) throws IOException {
    Path model = codes(weight, dtype, bits, zero, config);
    JsonNode result = pack(model);
    assertThat(result.get("modules").asInt()).isEqualTo(1);
    assertThat(result.get("ratio").asDouble()).isBetween(0.6, bits == 4 ? 0.79 : 0.68);
    PackedReference.pack(model, at("reference"));
    TreeMap<String, byte[]> expected = TestData.bytes(at("reference").resolve("model.safetensors"));
    TreeMap<String, byte[]> found = TestData.bytes(at("packed").resolve("model.safetensors"));
    assertThat(found.keySet()).isEqualTo(expected.keySet());
    expected.forEach((name, bytes) -> assertThat(found.get(name)).as(name).isEqualTo(bytes));
    assertUnpacks(model);
  }

  @Test
  void theShardsOfATrainedModelAreSmallerAndSayWhatTheyAre() {
    Path pruned = pruned(TestData.TINY_LLAMA);
    JsonNode result = pack(pruned);
    assertThat(result.get("modules").asInt()).isEqualTo(42);
    assertThat(result.get("bytes_after").asLong()).isLessThan(result.get("bytes_before").asLong());
    assertThat(result.get("ratio").asDouble())
        .isEqualTo(
            (double) result.get("bytes_after").asLong() / result.get("bytes_before").asLong());
    JsonNode config = TestData.json(at("packed").resolve("config.json"));
    assertThat(config.at("/quantization_config/quant_method").asText())
        .isEqualTo("wanda-cuda-packed");
    assertThat(config.at("/quantization_config/format").asText()).isEqualTo("wanda-cuda.packed.v1");
    assertThat(config.get("model_type").asText()).isEqualTo("llama");
    JsonNode facts = words(List.of("inspect"), at("packed"));
    assertThat(facts.get("packed_modules")).isEqualTo(result.get("modules"));
    assertThat(facts.get("packed_bytes")).isEqualTo(result.get("bytes_after"));
    assertThat(facts.get("bytes")).isEqualTo(result.get("bytes_before"));
    assertThat(run("inspect", "--model", at("packed")).out()).contains("packed: 42 weights, in");
    assertThat(words(List.of("inspect"), pruned).has("packed_bytes")).isFalse();
    assertUnpacks(pruned);
  }

  @Test
  void packedAndUnpackedHaveTheSamePerplexityAndZeros() throws IOException {
    Path pruned = pruned(TestData.TINY_LLAMA);
    pack(pruned);
    Path lists = Files.writeString(at("few.json"), "[[1, 17, 300, 4, 99, 1024, 7, 8]]");
    for (List<Object> words :
        List.<List<Object>>of(
            List.of("perplexity", "--tokens", lists, "--backend", "cpu"), List.of("inspect"))) {
      JsonNode packed = words(words, at("packed"));
      JsonNode plain = words(words, pruned);
      assertThat(packed.get("perplexity")).isEqualTo(plain.get("perplexity"));
      assertThat(packed.get("modules")).isEqualTo(plain.get("modules"));
      assertThat(packed.get("zeros")).isEqualTo(plain.get("zeros"));
    }
  }

  private Object[] prunePacked(Object... more) {
    return prunePacked(TestData.TINY_LLAMA, more);
  }

  private Object[] prunePacked(Path model, Object... more) {
    return Words.of(
            "prune --model %s --output %s --method magnitude --backend cpu --packed --quiet",
            model, at("at-once"), more)
        .toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp8-block-llama-wide", "ct-mxfp4-llama-wide"})
  void codesArePrunedToThePackedFormAtOnce(String name) throws IOException {
    Path model = TestData.fixture(name).resolve("model");
    Path pruned = pruned(model);
    assertThat(pack(pruned).get("modules").asInt()).isGreaterThan(6);
    JsonNode plan = run(prunePacked(model, "--dry-run", "--json")).json();
    run(prunePacked(model));
    // Of few values of codes many are at the threshold, and some were zero before.
    assertThat(plan.get("bytes_to_write").asLong())
        .isBetween(bytes(at("at-once")) * 97 / 100, bytes(at("at-once")) * 115 / 100);
    Directories.assertSame(at("packed"), at("at-once"));
    assertUnpacks(pruned);
  }

  @Test
  void pruneWritesThePackedFormAtOnce() throws IOException {
    pack(pruned(TestData.TINY_LLAMA));
    JsonNode plan = run(prunePacked("--dry-run", "--json")).json();
    run(prunePacked());
    // The plan leaves out what headers and records take; beside the output is the dense one's rest.
    long output = bytes(at("at-once"));
    assertThat(plan.get("bytes_to_write").asLong()).isCloseTo(output, withinPercentage(3));
    long dense = bytes(TestData.TINY_LLAMA);
    assertThat(plan.get("temporary_bytes").asLong()).isBetween(dense / 2, dense);
    Directories.assertSame(at("packed"), at("at-once"));
    run(prunePacked("--resume"));
    Object[] plain =
        Stream.of(prunePacked("--resume")).filter(word -> !word.equals("--packed")).toArray();
    InProcess.run(plain).isRefused(2, "differs in packed (there true, now none)");
  }

  @Test
  void aRunThatWasKilledWhileItPackedGoesOn() throws IOException {
    run(prunePacked());
    Path expected = TestData.copy(at("at-once"), at("expected"));
    // What a kill leaves of a run whose first shard is packed, and nothing else: it starts over.
    Files.delete(at("at-once").resolve("config.json"));
    Files.delete(at("at-once").resolve("wanda-cuda.json"));
    Files.delete(at("at-once").resolve("model-00002-of-00003.safetensors"));
    run(prunePacked("--resume"));
    Directories.assertSame(expected, at("at-once"));
  }

  private static JsonNode words(List<Object> words, Path model) {
    return run(Stream.concat(words.stream(), Stream.of("--model", model, "--json", "--quiet"))
            .toArray())
        .json();
  }

  /** Writes a model of one module. */
  private Path model(String dtype, int rows, int columns, byte[] weight) throws IOException {
    Path model = Files.createDirectories(at("model"));
    Files.writeString(model.resolve("config.json"), "{\"model_type\":\"llama\"}");
    new SafetensorsBytes()
        .metadata("format", "pt", "odd \\u00e9", "\\u0000")
        .f32("lm_head.weight", 2, 3)
        .raw(Q + ".weight", dtype, weight, rows, columns)
        .raw("odd", "BOOL", new byte[3], 3)
        .raw("none", "F16", new byte[0], 0, 4)
        .write(model.resolve("model.safetensors"));
    return model;
  }

  private static byte[] halves(int count, int... patterns) {
    ByteBuffer bytes = ByteBuffer.allocate(2 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      bytes.putShort((short) patterns[i % patterns.length]);
    }
    return bytes.array();
  }

  @ParameterizedTest
  @ValueSource(strings = {"BF16", "F16"})
  void onlyPositiveZeroIsLeftOut(String dtype) throws IOException {
    byte[] weight = halves(64 * 33, 0, 0x8000, 0, 0x7fc1, 0, 0x3f80, 0xffff, 0, 1, 0);
    Path model = model(dtype, 64, 33, weight);
    assertThat(pack(model).get("modules").asInt()).isEqualTo(1);
    TreeMap<String, byte[]> stored = TestData.bytes(at("packed").resolve("model.safetensors"));
    assertThat(stored).containsKey(Q + ".compressed").doesNotContainKey(Q + ".weight");
    assertThat(stored.get(Q + ".compressed")).contains(0x80, 0xc1);
    assertThat(stored.get(Q + ".shape"))
        .containsExactly(64, 0, 0, 0, 0, 0, 0, 0, 33, 0, 0, 0, 0, 0, 0, 0);
    assertThat(stored.get(Q + ".bitmask")).hasSize(64 * 5);
    assertThat(stored.get(Q + ".row_offsets")).hasSize(64 * 8);
    assertUnpacks(model);
  }

  @Test
  void modulesOfZerosAloneArePackedAndThoseWithoutStayAsTheyAre() throws IOException {
    Path model = model("BF16", 64, 64, new byte[64 * 64 * 2]);
    assertThat(pack(model).get("modules").asInt()).isEqualTo(1);
    assertThat(TestData.bytes(at("packed").resolve("model.safetensors")).get(Q + ".compressed"))
        .isEmpty();
    assertUnpacks(model);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 16, 11, 10})
  void aModulePaysFromATenthOfZerosOn(int oneOf) throws IOException {
    int[] patterns = new int[oneOf];
    Arrays.fill(patterns, 0x3f80);
    patterns[0] = 0;
    Path model = model("BF16", 256, 1100, halves(256 * 1100, patterns));
    // 1 of 16 is what the mask takes; 1 of 10 saves a 32nd and more.
    assertThat(pack(model).get("modules").asInt()).isEqualTo(oneOf <= 10 ? 1 : 0);
    assertUnpacks(model);
  }

  @Test
  void namesThatThePackedFormNeedsKeepAModuleDense() throws IOException {
    Path model = Files.createDirectories(at("model"));
    Files.writeString(model.resolve("config.json"), "{\"model_type\":\"llama\"}");
    new SafetensorsBytes()
        .raw(Q + ".weight", "BF16", new byte[64 * 64 * 2], 64, 64)
        .raw(Q + ".bitmask", "U8", new byte[3], 3)
        .write(model.resolve("model.safetensors"));
    assertThat(pack(model).get("modules").asInt()).isZero();
    assertUnpacks(model);
  }

  @Test
  void everyFileComesBack() throws IOException {
    Path model = new GeneratedLlama(2, 32, 64, 50).write(at("model"));
    Files.writeString(
        model.resolve("config.json"),
        Files.readString(model.resolve("config.json"))
            .replaceFirst("\\{", "{\t\r\n \"quantization_config\": {\"quant_method\": \"fp8\"},"));
    Files.writeString(model.resolve("pytorch_model.bin"), "other weights");
    Files.writeString(model.resolve("unused.safetensors"), "no shard");
    Files.createDirectories(model.resolve("sub/folder"));
    Files.writeString(model.resolve("sub/folder/notes.md"), "é\r\n");
    Files.writeString(model.resolve("wanda-cuda.json"), "{ }");
    pack(model);
    assertThat(
            TestData.json(at("packed").resolve("config.json"))
                .at("/quantization_config/quant_method")
                .asText())
        .isEqualTo("wanda-cuda-packed");
    assertUnpacks(model);
  }

  @Test
  @Thorough
  void theOutputIsTheSameForAnyNumberOfThreads() {
    Path pruned = pruned(TestData.TINY_LLAMA);
    pack(pruned);
    run(Words.of("pack --model %s --output %s --threads 1 --quiet", pruned, at("again")));
    Directories.assertSame(at("packed"), at("again"));
  }

  @Test
  void aResumedRunKeepsWholeShardsAndWritesTheOthersAnew() throws IOException {
    Path pruned = pruned(TestData.TINY_LLAMA);
    pack(pruned);
    Path expected = TestData.copy(at("packed"), at("expected"));
    Path kept = at("packed").resolve("model-00001-of-00003.safetensors");
    Object before = Files.readAttributes(kept, BasicFileAttributes.class).fileKey();
    begin(pruned, at("packed"), "pack");
    Path damaged = at("packed").resolve("model-00002-of-00003.safetensors");
    byte[] bytes = Files.readAllBytes(damaged);
    bytes[bytes.length / 2] ^= 4;
    Files.write(damaged, bytes);
    Files.delete(at("packed").resolve("model-00003-of-00003.safetensors"));
    Files.delete(at("packed").resolve("config.json"));
    assertRefused(
        3, "unfinished output of pack", "unpack --model %s --output %s", at("packed"), at("out"));
    assertRefused(2, "--resume", "pack --model %s --output %s", pruned, at("packed"));
    run(Words.of("pack --model %s --output %s --resume --quiet", pruned, at("packed")));
    Directories.assertSame(expected, at("packed"));
    assertThat(Files.readAttributes(kept, BasicFileAttributes.class).fileKey()).isEqualTo(before);
  }

  @Test
  void aResumedUnpackingKeepsWholeShardsToo() throws IOException {
    Path pruned = pruned(TestData.TINY_LLAMA);
    pack(pruned);
    assertUnpacks(pruned);
    begin(at("packed"), at("unpacked"), "unpack");
    Files.delete(at("unpacked").resolve("config.json"));
    Files.delete(at("unpacked").resolve("model-00001-of-00003.safetensors"));
    run(Words.of("unpack --model %s --output %s --resume --quiet", at("packed"), at("unpacked")));
    Directories.assertSame(pruned, at("unpacked"));
  }

  /** Leaves the journal of a run that was killed. */
  private static void begin(Path source, Path output, String command) {
    try (ModelDirectory model = ModelDirectory.open(source);
        Journal journal = Journal.open(output)) {
      Fingerprint run = new Fingerprint(Map.of(Fingerprint.PACKING, command));
      journal.restart(RunRecords.run(run.with(SourceDigest.byFile(model))));
    }
  }

  @Test
  void aFinishedOutputIsLeftAsItIsAndAnotherModelsIsRefused() throws IOException {
    Path pruned = pruned(TestData.TINY_LLAMA);
    JsonNode first = pack(pruned);
    Path expected = TestData.copy(at("packed"), at("expected"));
    JsonNode again =
        run(Words.of("pack --model %s --output %s --resume --json --quiet", pruned, at("packed")))
            .json();
    assertThat(again.get("bytes_after")).isEqualTo(first.get("bytes_after"));
    Directories.assertSame(expected, at("packed"));
    Path other = new GeneratedLlama(1, 32, 64, 50).write(at("other"));
    assertRefused(
        2, "no interrupted run", "pack --model %s --output %s --resume", other, at("packed"));
    begin(pruned, at("packed"), "pack");
    assertRefused(2, "another run", "pack --model %s --output %s --resume", other, at("packed"));
  }

  @Test
  void whatCantBeDoneIsSaidInOneLine() {
    Path pruned = pruned(TestData.TINY_LLAMA);
    pack(pruned);
    assertRefused(
        2, "exists and is not empty", "pack --model %s --output %s", pruned, at("packed"));
    assertRefused(3, "unpack it first", "pack --model %s --output %s", at("packed"), at("out"));
    assertRefused(3, "expected a packed model", "unpack --model %s --output %s", pruned, at("out"));
    assertRefused(
        3,
        "unpack it first",
        "prune --model %s --output %s --method magnitude",
        at("packed"),
        at("out"));
    assertRefused(
        3, "unpack it first", "prune --model %s --in-place --yes --method magnitude", at("packed"));
    assertThat(at("out")).doesNotExist();
  }

  private static void assertRefused(int exitCode, String said, String line, Object... values) {
    InProcess.line(line, values).isRefused(exitCode, said);
  }

  @Test
  @Thorough
  void aModelThatPackingMakesLargerIsSaidToBeBeforeItIsWritten() {
    String warning = "WARN packed it takes ";
    // No file of the output may have more than 8 KiB, so that the first write fails.
    process("pack --model %s --output %s", TestData.TINY_LLAMA, at("larger"))
        .under("sh", "-c", "ulimit -f 8 && exec \"$@\"", "sh")
        .run()
        .fails(6, warning);
    Command prune =
        process(
            "prune --method magnitude --sparsity 0 --packed --model %s --output %s",
            TestData.TINY_LLAMA, at("too"));
    assertThat(prune.run().succeeds().err()).contains(warning);
    Command smaller =
        process("pack --model %s --output %s", pruned(TestData.TINY_LLAMA), at("smaller"));
    assertThat(smaller.run().succeeds().err()).doesNotContain(warning);
  }

  private static Command process(String line, Object... values) {
    List<String> options =
        List.of("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED");
    return Command.main(List.of(options, "-XX:-UsePerfData"), Main.class, Words.of(line, values));
  }

  @Test
  void aModelThatGetsNoSmallerIsToldInTheFirstLine() throws IOException {
    Path dense = TestData.TINY_LLAMA;
    Ended larger = run(Words.of("pack --model %s --output %s --quiet", dense, at("packed")));
    assertThat(larger.out().lines().findFirst().orElseThrow())
        .isEqualTo(
            "%s: no smaller: %s has too few zeros that packing could leave out; keep that one, or"
                    .formatted(at("packed"), dense)
                + " prune it first");
    Directories.remove(at("packed"));
    assertThat(pack(dense).get("smaller").booleanValue()).isFalse();
    Directories.remove(at("packed"));
    assertThat(pack(pruned(dense)).get("smaller").booleanValue()).isTrue();
    Ended unpacked = run(Words.of("unpack --model %s --output %s", at("packed"), at("unpacked")));
    assertThat(unpacked.out()).contains("  modules  42 unpacked").doesNotContain("no smaller");
  }
}
