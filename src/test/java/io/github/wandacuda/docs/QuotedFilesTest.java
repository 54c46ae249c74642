package io.github.wandacuda.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the pages on embedding quote is in the files of {@code src/embedding}, word by word. */
class QuotedFilesTest {
  private static final Path EXAMPLES = Path.of("src/embedding/examples/src/main/java/example");
  private static final Pattern FILE = Pattern.compile("\\[`\\w+\\.java`]\\(([^)]+)\\):");

  static List<Page> pages() {
    return Page.QUOTING.stream().map(Page::read).toList();
  }

  @ParameterizedTest
  @MethodSource("pages")
  void everyBlockOfJavaIsTheFileThatIsNamedBeforeIt(Page page) throws IOException {
    List<String> lines = Files.readAllLines(page.file());
    assertThat(java(page)).isNotEmpty();
    for (Page.Block block : java(page)) {
      Optional<Path> file = file(lines, block);
      assertThat(file).as("%s: the file", block).isPresent();
      assertThat(block.text()).as(block.toString()).isEqualTo(Files.readString(file.orElseThrow()));
    }
  }

  @Test
  void everyExampleIsThere() throws IOException {
    List<String> quoted =
        pages().stream().flatMap(page -> java(page).stream()).map(Page.Block::text).toList();
    try (Stream<Path> examples = Files.list(EXAMPLES)) {
      for (Path example : examples.toList()) {
        assertThat(quoted).as(example.toString()).contains(Files.readString(example));
      }
    }
  }

  @Test
  void theCoordinatesAreThoseOfTheProjectOutside() throws IOException {
    String dependency = pages().getFirst().blocks().getFirst().text();
    assertThat(dependency).contains("<artifactId>wanda-cuda</artifactId>");
    assertThat(Files.readString(Path.of("src/embedding/outside/pom.xml")))
        .contains(dependency.indent(4));
  }

  private static List<Page.Block> java(Page page) {
    return page.blocks().stream().filter(block -> block.language().equals("java")).toList();
  }

  /** Two lines before a block, for an empty one is between. */
  private static Optional<Path> file(List<String> lines, Page.Block block) {
    Matcher file = FILE.matcher(lines.get(block.line() - 3));
    return file.find()
        ? Optional.of(block.page().resolveSibling(file.group(1)).normalize())
        : Optional.empty();
  }
}
