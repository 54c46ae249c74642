package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.RedefinedCpu;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * The CPU's selection with a fault put into one of its source files: the file is compiled anew, and
 * the CPU's packages are loaded once more with it.
 */
public final class DamagedKernels extends RedefinedCpu {
  private static final Path SOURCES = Path.of("src/main/java/io/github/wandacuda");

  private final Path classes;

  private DamagedKernels(Path classes) {
    this.classes = classes;
  }

  /**
   * Returns a selector on the vector kernels, with a text in a file replaced by another.
   *
   * @param work an empty folder
   * @param file the name of a source file
   */
  public static Selector selector(Path work, String file, String sound, String damaged) {
    try {
      String text = Files.readString(find(file));
      assertThat(text).containsOnlyOnce(sound);
      Path source = work.resolve("source").resolve(file);
      Files.createDirectories(source.getParent());
      Files.writeString(source, text.replace(sound, damaged));
      Path classes = Files.createDirectories(work.resolve("classes"));
      compile(source, classes);
      DamagedKernels loader = new DamagedKernels(classes);
      Constructor<?> kernels =
          loader.loadClass(VectorSelect.class.getName()).getDeclaredConstructor();
      kernels.setAccessible(true);
      return (Selector)
          loader
              .loadClass(CpuSelector.class.getName())
              .getConstructor(loader.loadClass(CpuSelectKernels.class.getName()))
              .newInstance(kernels.newInstance());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(file, e);
    }
  }

  private static Path find(String file) throws IOException {
    try (Stream<Path> files = Files.walk(SOURCES)) {
      return files.filter(path -> path.endsWith(file)).findFirst().orElseThrow();
    }
  }

  private static void compile(Path source, Path classes) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    List<String> options =
        List.of(
            "-d",
            classes.toString(),
            "-cp",
            System.getProperty("java.class.path"),
            "--add-modules=jdk.incubator.vector",
            "-proc:none",
            "-Xlint:none");
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      boolean compiled =
          compiler
              .getTask(null, files, null, options, null, files.getJavaFileObjects(source))
              .call();
      assertThat(compiled).as("%s compiles", source).isTrue();
    }
  }

  @Override
  protected byte[] changed(String name, byte[] classFile) throws IOException {
    Path damaged = classes.resolve(name.replace('.', '/') + ".class");
    return Files.exists(damaged) ? Files.readAllBytes(damaged) : classFile;
  }
}
