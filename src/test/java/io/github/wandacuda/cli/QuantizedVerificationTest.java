package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TensorBytes;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code verify} of quantized models: it holds for what was pruned, and sees every other bit. */
class QuantizedVerificationTest {
  private static final Set<String> GROUPS_OF_SCALE_0 =
      Set.of("ct-nvfp4-qwen3", "ct-mixed-mixtral", "modelopt-nvfp4-mixtral");

  @TempDir Path directory;

  static List<String> prunable() {
    return TestData.prunable();
  }

  private static Path model(String fixture) {
    return TestData.fixture(fixture).resolve("model");
  }

  private Path pruned(String fixture) {
    Path output = directory.resolve("out");
    Path statistics = TestData.fixture(fixture).resolve("dense.statistics.safetensors");
    InProcess.line(
            "prune --quiet --backend cpu --model %s --output %s --statistics %s",
            model(fixture), output, statistics)
        .succeeds();
    return output;
  }

  private static void holds(String fixture, Path pruned) {
    InProcess.line("verify --dense %s --pruned %s", model(fixture), pruned).succeeds();
  }

  /** Expects a failure whose line has the tensor's name and says something. */
  private static void fails(String fixture, Path pruned, String tensor, String said) {
    var json = InProcess.line("verify --json --dense %s --pruned %s", model(fixture), pruned);
    json.endsWith(5);
    assertThat(json.json().get("failures").valueStream())
        .anySatisfy(line -> assertThat(line.asText()).contains(tensor, said));
  }

  /** A place in a module, and what a verification says of another code there. */
  private record Change(LinearModule module, int row, int column, int code, String said) {}

  /** A pruned module: its codes before and after. */
  private record Codes(LinearModule module, QuantizedMatrix before, QuantizedMatrix after) {
    static Codes of(ModelDirectory dense, LinearModule module) {
      LinearModule source =
          dense.modules().stream()
              .filter(other -> other.name().equals(module.name()))
              .findFirst()
              .orElseThrow();
      return new Codes(module, read(source), read(module));
    }

    private static QuantizedMatrix read(LinearModule module) {
      byte[] bytes = TensorBytes.of(module.shard(), module.tensor());
      return module.quantized().matrix(MemorySegment.ofArray(bytes));
    }

    /** Finds a kept code, or a pruned one, or one of those that a scale makes 0. */
    Optional<Change> find(String which) {
      for (int row = 0; row < after.rows(); row++) {
        for (int column = 0; column < after.columns(); column++) {
          int was = before.codes().get(row, column);
          int is = after.codes().get(row, column);
          int zero = after.zeroCode(row, column);
          boolean found =
              switch (which) {
                case "kept" -> is == was && before.get(row, column) != 0;
                case "pruned" -> is != was && was != (zero ^ sign());
                default -> is == was && before.scale(row, column) == 0;
              };
          int other = which.equals("pruned") ? zero ^ sign() : otherThan(was, zero);
          if (found) {
            String said =
                "row %d, column %d: expected code 0x%02x (%s) or 0x%02x (0.0), found 0x%02x ("
                    .formatted(row, column, was, before.get(row, column), zero, other);
            return Optional.of(new Change(module, row, column, other, said));
          }
        }
      }
      return Optional.empty();
    }

    /** Returns the bit that makes -0 of +0; of whole numbers, which have no -0, any. */
    private int sign() {
      return 1 << after.codes().bits() - 1;
    }

    private static int otherThan(int was, int zero) {
      return (was ^ 1) == zero ? was ^ 2 : was ^ 1;
    }

    /** Writes the codes with a change, and after a check the ones that were there. */
    void with(Change change, Runnable check) {
      QuantizedMatrix changed = read(module);
      changed.codes().set(change.row, change.column, change.code);
      write(changed);
      check.run();
      write(after);
    }

    private void write(QuantizedMatrix codes) {
      byte[] bytes = (byte[]) codes.data().heapBase().orElseThrow();
      long at = module.shard().dataOffset() + module.tensor().begin();
      Damage.put(module.shard().path(), at, bytes);
    }
  }

  @ParameterizedTest
  @MethodSource("prunable")
  void everyBitIsSeen(String fixture) {
    Path output = pruned(fixture);
    holds(fixture, output);
    try (ModelDirectory dense = ModelDirectory.open(model(fixture));
        ModelDirectory after = ModelDirectory.open(output)) {
      List<Codes> all =
          after.modules().stream()
              .filter(module -> !module.isPlain())
              .map(module -> Codes.of(dense, module))
              .toList();
      List<String> tried = new ArrayList<>();
      for (String which : List.of("kept", "pruned", "scaled to 0")) {
        for (Codes codes : all) {
          Optional<Change> change = codes.find(which);
          if (change.isPresent() && !tried.contains(which)) {
            tried.add(which);
            String tensor = codes.module.tensor().name();
            codes.with(change.get(), () -> fails(fixture, output, tensor, change.get().said()));
          }
        }
      }
      assertThat(tried).contains("kept", "pruned");
      assertThat(tried.contains("scaled to 0")).isEqualTo(GROUPS_OF_SCALE_0.contains(fixture));
      all.getLast()
          .module
          .quantized()
          .tensors()
          .skip(1)
          .forEach(
              tensor ->
                  flipped(
                      after.checkpoint(),
                      tensor,
                      () -> fails(fixture, output, tensor.name(), "differs at byte 0")));
    }
    holds(fixture, output);
  }

  /** Turns the lowest bit of a tensor for the time of a check. */
  private static void flipped(Checkpoint checkpoint, TensorInfo tensor, Runnable check) {
    Checkpoint.Entry entry = checkpoint.find(tensor.name()).orElseThrow();
    long at = entry.shard().dataOffset() + tensor.begin();
    Damage.flip(entry.shard().path(), at, 1);
    check.run();
    Damage.flip(entry.shard().path(), at, 1);
  }

  @Test
  void bitsBehindTheLastCodeAreSeen() {
    String fixture = "ct-int3-llama-gqa";
    Path output = pruned(fixture);
    try (ModelDirectory after = ModelDirectory.open(output)) {
      LinearModule down =
          after.modules().stream()
              .filter(module -> module.columns() * 3 % Integer.SIZE != 0)
              .findFirst()
              .orElseThrow();
      long rowBytes = down.tensor().bytes() / down.rows();
      long at = down.shard().dataOffset() + down.tensor().begin() + 2 * rowBytes - 1;
      Damage.flip(down.shard().path(), at, 0x80);
      fails(
          fixture,
          output,
          down.tensor().name(),
          "row 1: expected the source's bits behind the last code, found others");
    }
  }

  @FirstCases(6)
  @ParameterizedTest
  @MethodSource("prunable")
  void aModelPrunedInPlaceOrByPartsIsTheSame(String fixture) {
    Path output = pruned(fixture);
    Path copy = TestData.copy(model(fixture), directory.resolve("copy"));
    Path parts = directory.resolve("parts");
    Path statistics = TestData.fixture(fixture).resolve("dense.statistics.safetensors");
    String all = "prune --quiet --backend cpu --statistics %s --model %s ";
    InProcess.line(all + "--in-place --yes", statistics, copy).succeeds();
    for (String part : List.of("1/2", "2/2")) {
      InProcess.line(all + "--output %s --part %s", statistics, model(fixture), parts, part)
          .succeeds();
    }
    for (Path other : List.of(copy, parts)) {
      holds(fixture, other);
      for (String file : TestData.names(output)) {
        if (file.endsWith(".safetensors")) {
          assertThat(other.resolve(file)).hasSameBinaryContentAs(output.resolve(file));
        }
      }
    }
  }
}
