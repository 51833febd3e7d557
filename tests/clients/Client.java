import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;

/** java Client.java BASE…: the steps of README.md with java.net.http, one client (pool) for each base. */
public class Client {
    static final int MIB = 1 << 20;
    static final Pattern SAID = Pattern.compile("\"bytes\":(\\d+).*\"crc32\":\"(\\w+)\"");
    final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    final String base;

    Client(String base) {
        this.base = base;
    }

    static byte[] body(int size) {
        StringBuilder text = new StringBuilder();
        for (int offset = 0; offset < size; offset += 16)
            text.append(String.format("%015x\n", offset));
        return java.util.Arrays.copyOf(text.toString().getBytes(), size);
    }

    static void say(String name, int status, long count, long crc) {
        System.out.printf("%s %d %d %08x%n", name, status, count, crc);
    }

    HttpRequest.Builder to(String path) {
        return HttpRequest.newBuilder(URI.create(base + path));
    }

    void get(String name, String path) throws Exception {
        HttpResponse<InputStream> answer = client.send(to(path).build(), BodyHandlers.ofInputStream());
        CRC32 crc = new CRC32();
        byte[] piece = new byte[65536];
        long count = 0;
        try (InputStream in = answer.body()) {
            for (int n; (n = in.read(piece)) > 0; count += n)
                crc.update(piece, 0, n);
        }
        say(name, answer.statusCode(), count, crc.getValue());
    }

    void post(String name, BodyPublisher content) throws Exception {
        HttpResponse<String> answer = client.send(to("/echo-size").POST(content).build(), BodyHandlers.ofString());
        Matcher said = SAID.matcher(answer.body());
        said.find();
        say(name, answer.statusCode(), Long.parseLong(said.group(1)), Long.parseLong(said.group(2), 16));
    }

    /** Of unknown length, so in chunks. */
    static BodyPublisher stream(byte[] data) {
        return BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(data));
    }

    static BodyPublisher brokenOff(byte[] data) {
        return BodyPublishers.ofInputStream(() -> new InputStream() {
            int at;

            @Override
            public int read() throws IOException {
                if (at == MIB)
                    throw new IOException("broken off");
                return data[at++] & 255;
            }
        });
    }

    void run() throws Exception {
        byte[] small = body(5000);
        byte[] large = body(10 * MIB);
        get("get", "/bytes/1000");
        get("get-chunked", "/bytes/1000?chunked=1");
        HttpRequest head = to("/count").method("HEAD", BodyPublishers.noBody()).build();
        say("head", client.send(head, BodyHandlers.discarding()).statusCode(), 0, 0);
        get("missing", "/nowhere");
        post("post-sized", BodyPublishers.ofByteArray(small));
        post("post-chunked", stream(small));
        get("down-sized", "/bytes/" + 10 * MIB);
        get("down-chunked", "/bytes/" + 10 * MIB + "?chunked=1");
        post("up-sized", BodyPublishers.ofByteArray(large));
        post("up-chunked", stream(large));
        HttpResponse<InputStream> endless = client.send(to("/bytes/" + 1024 * MIB).build(), BodyHandlers.ofInputStream());
        endless.body().readNBytes(MIB);
        endless.body().close();
        say("abort-down", endless.statusCode(), 0, 0);
        try {
            post("abort-up", brokenOff(large));
        } catch (IOException expected) {
            say("abort-up", 0, 0, 0);
        }
        get("after", "/bytes/1000");
    }

    public static void main(String[] bases) throws Exception {
        for (String base : bases) {
            System.out.println("base");
            new Client(base).run();
        }
    }
}
