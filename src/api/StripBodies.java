import java.io.IOException;
import java.io.OutputStream;
import java.lang.classfile.AccessFlags;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.MethodTransform;
import java.lang.classfile.attribute.CodeAttribute;
import java.lang.classfile.attribute.SourceFileAttribute;
import java.lang.reflect.AccessFlag;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/**
 * Writes what the library promises: the classes of its packages without the bodies of their
 * methods and without what others can't call. japicmp compares each build with it.
 *
 * <p>{@code java src/api/StripBodies.java target/classes src/api/released.jar}
 */
final class StripBodies {
  private static final List<String> PACKAGES =
      List.of("io/github/wandacuda", "io/github/wandacuda/library");

  /** The same bytes whenever it is written. */
  private static final LocalDateTime TIME = LocalDateTime.of(2000, 1, 1, 0, 0);

  public static void main(String[] arguments) throws IOException {
    Path classes = Path.of(arguments[0]);
    try (OutputStream file = Files.newOutputStream(Path.of(arguments[1]));
        JarOutputStream jar = new JarOutputStream(file)) {
      for (String name : PACKAGES) {
        for (Path each : classFiles(classes.resolve(name))) {
          add(jar, classes.relativize(each).toString().replace('\\', '/'), each);
        }
      }
    }
  }

  private static List<Path> classFiles(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files.filter(file -> file.toString().endsWith(".class")).sorted().toList();
    }
  }

  private static void add(JarOutputStream jar, String name, Path file) throws IOException {
    ClassFile classes = ClassFile.of();
    ClassModel model = classes.parse(file);
    if (!model.flags().has(AccessFlag.PUBLIC)) {
      return;
    }
    ClassTransform stripped =
        ClassTransform.dropping(
                part ->
                    part instanceof SourceFileAttribute
                        || (part instanceof FieldModel field && isHidden(field.flags()))
                        || (part instanceof MethodModel method && isHidden(method.flags())))
            .andThen(
                ClassTransform.transformingMethods(
                    MethodTransform.dropping(part -> part instanceof CodeAttribute)));
    JarEntry entry = new JarEntry(name);
    entry.setTimeLocal(TIME);
    jar.putNextEntry(entry);
    jar.write(classes.transformClass(model, stripped));
    jar.closeEntry();
  }

  private static boolean isHidden(AccessFlags flags) {
    return !flags.has(AccessFlag.PUBLIC) && !flags.has(AccessFlag.PROTECTED);
  }
}
