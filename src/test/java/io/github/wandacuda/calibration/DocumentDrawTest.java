package io.github.wandacuda.calibration;

import static io.github.wandacuda.text.TestFiles.assertRejects;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.calibration.CalibrationSampler.DocumentDraw;
import io.github.wandacuda.text.TestFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DocumentDrawTest {
  private static final Path FILE = Path.of("documents.jsonl");

  static List<JsonNode> cases() throws IOException {
    JsonNode golden =
        new ObjectMapper().readTree(TestFiles.GOLDEN.resolve("sampling.json").toFile());
    assertThat(golden.path("cases")).hasSize(3);
    return StreamSupport.stream(golden.path("cases").spliterator(), false).toList();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void drawsWhatPythonDraws(JsonNode golden) {
    JsonNode counts = golden.path("token_counts");
    DocumentDraw draw =
        new DocumentDraw(
            FILE,
            counts.size(),
            golden.path("sequence_length").asInt(),
            golden.path("seed").asLong(),
            i -> document(i, counts.get(i).asInt()));
    assertThat(golden.path("picks")).hasSize(40);
    for (JsonNode pick : golden.path("picks")) {
      int[] sample = draw.next();
      assertThat(sample).hasSize(golden.path("sequence_length").asInt());
      assertThat(sample[0]).isEqualTo(token(pick.get(0).asInt(), pick.get(1).asInt()));
    }
    assertThat(draw.drawn()).isEqualTo(golden.path("documents_drawn").asLong());
  }

  @Test
  void asksForDocumentsThatAreTooShortOnce() {
    List<Integer> asked = new ArrayList<>();
    DocumentDraw draw =
        new DocumentDraw(
            FILE,
            5,
            10,
            0,
            i -> {
              asked.add(i);
              return document(i, i == 3 ? 11 : 10);
            });
    for (int i = 0; i < 20; i++) {
      assertThat(draw.next()).isEqualTo(Arrays.copyOf(document(3, 11), 10));
    }
    assertThat(asked).filteredOn(i -> i != 3).isNotEmpty().doesNotHaveDuplicates();
  }

  @Test
  void givesUpWhenEveryDocumentIsTooShort() {
    DocumentDraw draw = new DocumentDraw(FILE, 300, 10, 0, i -> new int[i == 7 ? 10 : 2]);
    assertRejects(draw::next)
        .isEqualTo(
            "documents.jsonl: expected a document of more than 10 tokens,"
                + " found 300 documents of at most 10; `join` joins them, or take a smaller"
                + " `sequence-length`, or a text with longer documents");
  }

  @Test
  void rejectsAFileWithoutDocuments() {
    assertRejects(() -> new DocumentDraw(FILE, 0, 10, 0, i -> new int[0]))
        .isEqualTo(
            "documents.jsonl: expected documents, found none;"
                + " each line is an object such as {\"text\": \"...\"}");
  }

  /** Returns as many tokens, of which each tells the document and its place there. */
  private static int[] document(int index, int tokens) {
    return IntStream.range(0, tokens).map(at -> token(index, at)).toArray();
  }

  private static int token(int document, int at) {
    return document << 16 | at;
  }
}
