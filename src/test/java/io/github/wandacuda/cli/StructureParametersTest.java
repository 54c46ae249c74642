package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is said of a run that removes parts is what {@code inspect} says of both models. */
class StructureParametersTest {
  @TempDir Path directory;

  /** A fixture, and parts that it has. */
  record Trial(String fixture, Structure structure) {
    Path model() {
      return TestData.fixture(fixture).resolve("model");
    }

    String options() {
      return switch (structure) {
        case EXPERTS -> "--remove " + count(structure);
        case BLOCKS -> "--remove 1 --score angular";
        case CHANNELS, HEADS -> "--remove 1 --score magnitude";
        case AUTO -> "--sparsity 0.3 --multiple 1";
      };
    }

    /** Returns how many go at a time: of experts in groups one of each. */
    private int count(Structure kind) {
      JsonNode config = TestData.json(model().resolve("config.json"));
      return kind == Structure.EXPERTS && structure != Structure.AUTO
          ? config.path("n_group").asInt(1)
          : 1;
    }

    /** Returns whether the model has such parts and can do without some. */
    boolean applies() {
      List<Structure> kinds =
          structure == Structure.AUTO
              ? List.of(Structure.CHANNELS, Structure.EXPERTS)
              : List.of(structure);
      try (ModelDirectory opened = ModelDirectory.open(model())) {
        return kinds.stream().anyMatch(kind -> has(opened, kind));
      }
    }

    private boolean has(ModelDirectory model, Structure kind) {
      try {
        kind.find(model).requireRemovable(count(kind));
        return true;
      } catch (InputException e) {
        return false;
      }
    }
  }

  static List<Trial> trials() {
    List<Trial> trials = new ArrayList<>();
    for (String fixture : TestData.quantized()) {
      for (Structure structure : Structure.values()) {
        Trial trial = new Trial(fixture, structure);
        if (trial.applies()) {
          trials.add(trial);
        }
      }
    }
    return trials;
  }

  private static JsonNode inspected(Path model) {
    return InProcess.line("inspect --json --model %s", model).succeeds().json().get("parameters");
  }

  @ParameterizedTest
  @MethodSource("trials")
  void parametersAreThoseOfInspect(Trial trial) {
    Path output = directory.resolve("out");
    String run =
        "prune --model %s --output %s --structure %s --calibration %s --update none --backend cpu"
            + " --json "
            + trial.options();
    JsonNode said =
        InProcess.line(
                run,
                trial.model(),
                output,
                trial.structure().label(),
                TestData.fixture(trial.fixture()).resolve("tokens.json"))
            .succeeds()
            .json();
    assertThat(said.get("parameters_before")).isEqualTo(inspected(trial.model()));
    assertThat(said.get("parameters_after")).isEqualTo(inspected(output));
  }

  /** Where a fixture or a kind would be left out unseen, this says so. */
  @Test
  void everyKindIsTried() {
    Map<Structure, Integer> counts = new EnumMap<>(Structure.class);
    trials().forEach(trial -> counts.merge(trial.structure(), 1, Integer::sum));
    assertThat(counts)
        .isEqualTo(
            Map.of(
                Structure.EXPERTS, 9, Structure.BLOCKS, 26, Structure.HEADS, 2, Structure.AUTO, 7));
  }
}
