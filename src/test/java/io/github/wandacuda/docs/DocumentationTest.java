package io.github.wandacuda.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the pages say of this repository is there: files, anchors, classes, and JSON that parses.
 */
class DocumentationTest {
  private static final int MOST_LINES = 150;

  /** What the code in a block is: commands, transcripts of commands, code, or just text. */
  private static final Set<String> LANGUAGES =
      Set.of("sh", "console", "java", "json", "python", "text");

  /** From a page of the site to the root of the repository. */
  private static final String TO_ROOT = "../../../";

  private static final String TO_PICTURES = "../resources/images/";

  private static final Pattern PATH =
      Pattern.compile("(?:^| )((?:src|bench|kernels|testdata|\\.ci)/[\\w./-]*[\\w/])(?= |$)");
  private static final Pattern CLASS_NAME = Pattern.compile("[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+");

  static List<Page> all() {
    return Page.all();
  }

  static List<Page> readmeAndSite() {
    return Page.readmeAndSite();
  }

  @Test
  void theReadmeIsShort() {
    assertThat(Page.read(Path.of("README.md")).length()).isLessThanOrEqualTo(MOST_LINES);
  }

  @ParameterizedTest
  @MethodSource("all")
  void noLinkIsDead(Page page) {
    assertThat(page.links().stream().filter(link -> isDead(page, link))).as("dead links").isEmpty();
  }

  private static boolean isDead(Page page, String link) {
    if (link.matches("https?://.*")) {
      return false;
    }
    int hash = link.indexOf('#');
    String path = hash < 0 ? link : link.substring(0, hash);
    Path file = path.isEmpty() ? page.file() : page.file().resolveSibling(path).normalize();
    if (!Files.exists(file)) {
      return true;
    }
    // The build of the site knows these two ways out of the folder of pages, see its profile.
    if (isOfSite(page.file())
        && !isOfSite(file)
        && !path.startsWith(TO_ROOT)
        && !path.startsWith(TO_PICTURES)) {
      return true;
    }
    return hash >= 0 && !anchors(file).contains(link.substring(hash + 1));
  }

  /** The site gives headings other anchors than a code host does, so its pages write their own. */
  private static Set<String> anchors(Path file) {
    Page page = Page.read(file);
    Set<String> anchors = new TreeSet<>(page.ids());
    if (!isOfSite(file)) {
      anchors.addAll(page.slugs());
    }
    return anchors;
  }

  private static boolean isOfSite(Path file) {
    return file.startsWith(Page.SITE);
  }

  @Test
  void theMenuNamesEveryPageOnce() throws IOException {
    List<String> named =
        Pattern.compile("<item name=\"[^\"]+\" href=\"([^\"]+)\\.html\"/>")
            .matcher(Files.readString(Path.of("src/site/site.xml")))
            .results()
            .map((MatchResult match) -> match.group(1))
            .toList();
    try (Stream<Path> files = Files.list(Page.SITE)) {
      assertThat(named)
          .containsExactlyInAnyOrderElementsOf(
              files.map(file -> file.getFileName().toString().replace(".md", "")).toList());
    }
  }

  @ParameterizedTest
  @MethodSource("readmeAndSite")
  void everyBlockSaysWhatItIs(Page page) {
    assertThat(page.blocks()).allMatch(block -> LANGUAGES.contains(block.language()));
  }

  @ParameterizedTest
  @MethodSource("readmeAndSite")
  void jsonIsJson(Page page) {
    for (Page.Block block : page.blocks()) {
      if (block.language().equals("json")) {
        assertThatCode(() -> JsonMapper.builder().build().readTree(block.text()))
            .as(block.toString())
            .doesNotThrowAnyException();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("readmeAndSite")
  @Thorough
  void pythonIsPython(Page page, @TempDir Path directory) throws IOException {
    assumeTrue(Command.of("python3", "-V").succeeds(), "there is no python3");
    String parse = "import ast, sys; ast.parse(open(sys.argv[1], 'rb').read())";
    for (Page.Block block : page.blocks()) {
      if (block.language().equals("python")) {
        Path source = Files.writeString(directory.resolve("block.py"), block.text());
        Command.of("python3", "-c", parse, source).run().succeeds();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("all")
  void everyPathIsThere(Page page) {
    assertThat(
            page.codeSpans().stream()
                .flatMap(span -> PATH.matcher(span).results())
                .map(path -> path.group(1))
                .filter(path -> !path.startsWith("bench/target") && !Files.exists(Path.of(path))))
        .as("files that don't exist")
        .isEmpty();
  }

  @ParameterizedTest
  @MethodSource("all")
  void everyClassIsThere(Page page) throws IOException {
    Set<String> classes = classes();
    assertThat(
            page.codeSpans().stream()
                .filter(span -> CLASS_NAME.matcher(span).matches())
                .filter(span -> !classes.contains(span))
                .filter(span -> !isOfJava(span)))
        .as("names of classes that don't exist")
        .isEmpty();
  }

  private static Set<String> classes() throws IOException {
    try (Stream<Path> main = Files.walk(Path.of("src"));
        Stream<Path> bench = Files.walk(Path.of("bench"))) {
      return Stream.concat(main, bench)
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".java"))
          .map(name -> name.substring(0, name.length() - ".java".length()))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  private static boolean isOfJava(String name) {
    return Stream.of("java.util.", "java.util.concurrent.", "java.lang.foreign.", "java.lang.")
        .anyMatch(
            folder ->
                ClassLoader.getSystemResource(folder.replace('.', '/') + name + ".class") != null);
  }
}
