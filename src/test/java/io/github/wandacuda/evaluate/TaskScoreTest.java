package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.evaluate.TaskDocument.Choice;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TaskScoreTest {
  /** A document whose answers have 1, 4 and 10 characters. */
  private static TaskDocument document(int gold, String group) {
    List<Choice> choices = new ArrayList<>();
    for (int length : new int[] {1, 4, 10}) {
      choices.add(new Choice("c", " " + "a".repeat(length), length));
    }
    return new TaskDocument("a place", choices, gold, group);
  }

  private static TaskScore score(boolean normalized, List<TaskDocument> documents, double[]... of) {
    List<List<Double>> scores = new ArrayList<>();
    for (double[] row : of) {
      scores.add(List.of(row[0], row[1], row[2]));
    }
    return TaskScore.of(new Task("task", normalized, documents, List.of(), null), scores);
  }

  @Test
  void theHighestScoreIsTheAnswer() {
    TaskScore score =
        score(
            true,
            List.of(document(0, ""), document(2, ""), document(1, ""), document(0, "")),
            new double[] {-1, -2, -3},
            new double[] {-1, -2, -3},
            new double[] {-5, -4, -9},
            new double[] {-5, -4, -9});
    assertThat(score.figures().accuracy().mean()).isEqualTo(0.5);
    // Two of four: the sample's variance is 4 · 0.25 / 3.
    assertThat(score.figures().accuracy().standardError())
        .isCloseTo(Math.sqrt(1 / 3.0) / 2, within(1e-15));
    // By character: -1, -0.5 and -0.3; then -5, -1 and -0.9: always the last one.
    assertThat(score.figures().normalized().mean()).isEqualTo(0.25);
    assertThat(score.figures().documents()).isEqualTo(4);
    assertThat(score.subjects()).isEmpty();
    assertThat(score.groups()).isEmpty();
  }

  @Test
  void ofEqualScoresTheFirstIsTheAnswer() {
    double[] ties = {-4, -3, -3};
    assertThat(score(false, List.of(document(1, "")), ties).figures().accuracy().mean())
        .isEqualTo(1);
    assertThat(score(false, List.of(document(2, "")), ties).figures().accuracy().mean()).isZero();
    double[] tiesByLength = {-1, -4, -10};
    assertThat(score(true, List.of(document(0, "")), tiesByLength).figures().normalized().mean())
        .isEqualTo(1);
    assertThat(score(false, List.of(document(0, "")), ties).figures().normalized()).isNull();
  }

  /** Groups count documents, not subjects. */
  @Test
  void groupsAreWeightedByDocuments() {
    TaskScore score =
        score(
            false,
            List.of(
                document(0, "anatomy"),
                document(0, "astronomy"),
                document(1, "astronomy"),
                document(2, "astronomy"),
                document(0, "virology")),
            new double[] {-1, -2, -3},
            new double[] {-1, -2, -3},
            new double[] {-1, -2, -3},
            new double[] {-1, -2, -3},
            new double[] {-1, -2, -3});
    assertThat(score.groups().get("stem").accuracy().mean()).isEqualTo(0.5);
    assertThat(score.groups().get("stem").documents()).isEqualTo(4);
    assertThat(score.groups().get("other").accuracy().mean()).isEqualTo(1);
    assertThat(score.subjects().get("astronomy").accuracy().mean())
        .isCloseTo(1 / 3.0, within(1e-15));
    assertThat(score.figures().accuracy().mean()).isEqualTo(0.6);
  }
}
