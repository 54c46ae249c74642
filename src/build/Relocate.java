import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * Renames a package that classes refer to, as the program's jar does: {@code Relocate.java FOLDER
 * FROM TO}, with names such as {@code com/fasterxml/jackson}.
 */
class Relocate {
  public static void main(String[] args) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of(args[0]))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".class")).toList()) {
        Files.write(file, relocated(Files.readAllBytes(file), args[1], args[2]));
      }
    }
  }

  /** All names and types that a class refers to are texts in its constant pool. */
  private static byte[] relocated(byte[] file, String from, String to) throws IOException {
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(file));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.write(in.readNBytes(8));
    int end = in.readUnsignedShort();
    out.writeShort(end);
    int at = 1;
    while (at < end) {
      int tag = in.readUnsignedByte();
      out.writeByte(tag);
      switch (tag) {
        case 1 -> out.writeUTF(in.readUTF().replace(from, to));
        case 7, 8, 16, 19, 20 -> out.write(in.readNBytes(2));
        case 15 -> out.write(in.readNBytes(3));
        case 5, 6 -> out.write(in.readNBytes(8));
        default -> out.write(in.readNBytes(4));
      }
      // A long and a double count as two.
      at += tag == 5 || tag == 6 ? 2 : 1;
    }
    in.transferTo(out);
    return bytes.toByteArray();
  }
}
