package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

//go:embed static
var staticFiles embed.FS

// asset is a file that pages load. Its path names its content, so that browsers may keep it for good.
type asset struct {
	content []byte
	kind    string
}

// assets are by file name with the hash in it, assetPaths by plain name.
var assets, assetPaths = readAssets()

func readAssets() (map[string]asset, map[string]string) {
	files, paths := map[string]asset{}, map[string]string{}
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, e := range entries {
		content, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		ext := path.Ext(e.Name())
		hash := sha256.Sum256(content)
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(hash[:6]) + ext
		files[name] = asset{content, kindOf(ext)}
		paths[e.Name()] = "/static/" + name
	}
	return files, paths
}

// kindOf doesn't ask the machine, which may have other ideas.
func kindOf(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

// assetPath returns where a file is served.
func assetPath(name string) (string, error) {
	if p := assetPaths[name]; p != "" {
		return p, nil
	}
	return "", fmt.Errorf("there is no file %s", name)
}

func (c *Console) static(w http.ResponseWriter, r *web.Request) error {
	a, ok := assets[r.Param("file")]
	if !ok {
		return webhook.ErrNotFound
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.content)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = w.Write(a.content) // a client that has gone is nobody's error
	return nil
}
