package io.github.wandacuda.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The Java in the README and on the site compiles against this build. What a block leaves out is
 * the same for all: it imports every package of wanda-cuda, of {@code java.util}, {@code
 * java.nio.file} and {@code java.lang.foreign}, and if it isn't a class of its own it is the body
 * of a method with the parameters that {@link #BEFORE} says. {@link QuotedFilesTest} is for the
 * page that quote whole files.
 */
@Execution(ExecutionMode.CONCURRENT)
class JavaBlocksTest {
  private static final Path CLASSES = Path.of("target/classes");

  private static final String BEFORE =
      """
      class Fragment {
        void run(MemorySegment segment, int rows, int columns, float[] inputNorms, int threads)
            throws Exception {
      """;
  private static final String AFTER = "} }";

  @TempDir Path out;

  static List<Page.Block> blocks() {
    return Page.readmeAndSite().stream()
        .filter(page -> !Page.QUOTING.contains(page.file()))
        .flatMap(page -> page.blocks().stream())
        .filter(block -> block.language().equals("java"))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("blocks")
  void compiles(Page.Block block) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    List<String> options =
        List.of(
            "-proc:none",
            "-d",
            out.toString(),
            "-cp",
            CLASSES + System.getProperty("path.separator") + System.getProperty("java.class.path"));
    boolean good =
        compiler
            .getTask(messages, null, null, options, null, List.of(source(whole(block.text()))))
            .call();
    assertThat(good).as("%s: %s", block, messages).isTrue();
  }

  private static String whole(String code) throws IOException {
    boolean isClass = code.lines().anyMatch(line -> line.matches("(public |final )*class .*"));
    return imports()
        + (isClass
            ? code.replaceFirst("public final class", "final class")
            : BEFORE + code + AFTER);
  }

  private static String imports() throws IOException {
    try (Stream<Path> files = Files.walk(CLASSES.resolve("io/github/wandacuda"))) {
      return Stream.concat(
              Stream.of("java.util", "java.nio.file", "java.lang.foreign"),
              files
                  .filter(file -> file.toString().endsWith(".class"))
                  .map(file -> CLASSES.relativize(file.getParent()).toString().replace('/', '.'))
                  .distinct())
          .map("import %s.*;\n"::formatted)
          .collect(Collectors.joining());
    }
  }

  private static JavaFileObject source(String code) {
    return new SimpleJavaFileObject(
        URI.create("string:///Fragment.java"), JavaFileObject.Kind.SOURCE) {
      @Override
      public CharSequence getCharContent(boolean ignoreEncodingErrors) {
        return code;
      }
    };
  }
}
